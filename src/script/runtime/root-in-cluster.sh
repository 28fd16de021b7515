# --- the certificate that istio-csr hands out as the root, laid into the cluster

# what istio-csr hands out: the certificate itself, and what is trusted beside it.
root_file() {
  case $root_file in
    root) printf '%s\n' "$root" ${also_trust:+"$also_trust"} ;;
    intermediate) printf '%s\n' "$ca" ;;
  esac
}

# what lay there before the first step; none: it was not looked at, or nothing did.
root_before=

# need_root_place: what is there already needs no right to make it.
need_root_place() {
  local rc=0
  root_before=$(held_root 2>"$work/error") || rc=$?
  case $rc in
    1) may patch "${root_kind,,}/$root_name" -n "$root_namespace" ;;
    2) missing+=("the right to get $root_kind $root_namespace/$root_name in context $context: $(last_error)") ;;
  esac
}

# root_delivered: whether the cluster's root file holds what istio-csr is to hand out, and nothing that a change of the root has left there. It
# may hold others too, which are left: who needs them is not known here.
root_delivered() {
  local found rc=0 planned prints
  [[ -n ${ca:-} || $root_file == root ]] || return 1
  found=$root_before
  [[ -n $found ]] || found=$(held_root) || rc=$?
  ((rc == 0)) || return "$rc"
  planned=$(root_file | each_certificate fingerprint)
  prints=$(each_certificate fingerprint <<<"$found")
  if ! grep -xF -- "$planned" >/dev/null <<<"$prints"; then
    complain "$root_kind $root_namespace/$root_name holds another CA than the planned one (SHA-256 ${planned//$'\n'/, }). Workloads trust what it holds: name it in root.alsoTrust, or where none does yet: kubectl --context $context delete ${root_kind,,} $root_name -n $root_namespace"
    return 2
  fi
  ! grep -vxF -- "$prints" >/dev/null <<<"$planned" || return 1
  prints=$(grep -vxF -- "$planned" <<<"$prints") || return 0
  if [[ -n $(dropped "$found") ]]; then return 1; fi
  stray "it holds other CAs too, which the workloads trust as much: SHA-256 ${prints//$'\n'/, }"
}

# dropped TEXT: prints the roots in it that a change of the root has brought, and that the plan does not name any more.
dropped() {
  local id known
  known=$(evidence_of_all) || return 2
  for id in $(each_certificate short_fingerprint <<<"$1"); do
    grep -xF -- "$id" >/dev/null <<<"$(planned_roots)" || ! is_on_record "$id" "$known" || printf '%s\n' "$id"
  done
}

# other_than ROOTS: prints the certificate of standard input, where it is not one of those.
other_than() {
  local certificate
  certificate=$(first_certificate)
  grep -xF -- "$(short_fingerprint <<<"$certificate")" >/dev/null <<<"$1" || printf '%s\n' "$certificate"
}

# deliver_root: adds what is planned, and takes away what a change of the root has left there, where nothing needs it any more.
deliver_root() {
  local found='' id known gone='' rc=0
  found=$(held_root) || rc=$?
  ((rc <= 1)) || return "$rc"
  if [[ $root_file == root && -n $found ]]; then
    known=$(evidence_of_all)
    gone=$(dropped "$found")
    for id in $gone; do root_may_go "$id" "$known" || die "$root_kind $root_namespace/$root_name is left as it is"; done
  fi
  { root_file && each_certificate other_than "$(planned_roots)"$'\n'"$gone" <<<"$found"; } | carry_root
}
