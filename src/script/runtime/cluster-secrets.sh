# --- what lies in the cluster

# the certificate that istio-csr hands out as the root.
root_file() {
  case $root_file in
    root) printf '%s\n' "$root" ;;
    intermediate) printf '%s\n' "$intermediate" ;;
  esac
}

# root_delivered: whether the cluster's root file holds the certificate; it may hold others too, during a rotation.
root_delivered() {
  local found rc=0 print prints
  [[ -n ${intermediate:-} || $root_file == root ]] || return 1
  found=$(secret_value "$csr_namespace" "$root_secret" "$root_secret_key") || rc=$?
  ((rc == 0)) || return "$rc"
  print=$(root_file | fingerprint)
  prints=$(each_certificate fingerprint <<<"$found")
  if ! grep -xF "$print" >/dev/null <<<"$prints"; then
    complain "Secret $csr_namespace/$root_secret holds another CA than the planned one (SHA-256 $print). Workloads trust what it holds; where none does yet: kubectl --context $context delete secret $root_secret -n $csr_namespace"
    return 2
  fi
  prints=$(grep -vxF "$print" <<<"$prints") || return 0
  note "it holds other CAs too, which the workloads trust as much: SHA-256 ${prints//$'\n'/, }"
}

deliver_root() { root_file | apply_secret "$csr_namespace" "$root_secret" "$root_secret_key"; }
