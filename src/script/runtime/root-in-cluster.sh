# --- the certificate that istio-csr hands out as the root, laid into the cluster

# the certificate itself.
root_file() {
  case $root_file in
    root) printf '%s\n' "$root" ;;
    intermediate) printf '%s\n' "$ca" ;;
  esac
}

# need_root_place: what is there already needs no right to make it.
need_root_place() {
  local rc=0
  held_root >/dev/null 2>"$work/error" || rc=$?
  case $rc in
    1) may patch "${root_kind,,}/$root_name" -n "$root_namespace" ;;
    2) missing+=("the right to get $root_kind $root_namespace/$root_name in context $context: $(last_error)") ;;
  esac
}

# root_delivered: whether the cluster's root file holds the certificate; it may hold others too, during a rotation.
root_delivered() {
  local found rc=0 print prints
  [[ -n ${ca:-} || $root_file == root ]] || return 1
  found=$(held_root) || rc=$?
  ((rc == 0)) || return "$rc"
  print=$(root_file | fingerprint)
  prints=$(each_certificate fingerprint <<<"$found")
  if ! grep -xF "$print" >/dev/null <<<"$prints"; then
    complain "$root_kind $root_namespace/$root_name holds another CA than the planned one (SHA-256 $print). Workloads trust what it holds; where none does yet: kubectl --context $context delete ${root_kind,,} $root_name -n $root_namespace"
    return 2
  fi
  prints=$(grep -vxF "$print" <<<"$prints") || return 0
  note "it holds other CAs too, which the workloads trust as much: SHA-256 ${prints//$'\n'/, }"
}

deliver_root() { root_file | carry_root; }
