# --- what lies in the cluster

# secret_value NAMESPACE NAME KEY: prints a value of a Secret; 1 where there is none.
secret_value() {
  local secret
  secret=$(kube get secret "$2" -n "$1" -o json --ignore-not-found) || return 2
  [[ -n $secret ]] || return 1
  printf '%s' "$secret" | jq -er --arg key "$3" '.data[$key] // empty | @base64d' || return 1
}

# the annotation that says which cluster of the config a Secret was made for.
readonly MAKER=cdk8s-mesh-ca/cluster

# apply_secret NAMESPACE NAME KEY: makes the Secret, its value from standard input, through pipes only.
apply_secret() {
  jq -Rs --arg namespace "$1" --arg name "$2" --arg key "$3" --arg maker "$MAKER" --arg cluster "$cluster" '{
    apiVersion: "v1", kind: "Secret", type: "Opaque",
    metadata: {$name, $namespace, labels: {"app.kubernetes.io/managed-by": "cdk8s-mesh-ca"}, annotations: {($maker): $cluster}},
    data: {($key): @base64}}' | kube apply --server-side --force-conflicts --field-manager=cdk8s-mesh-ca -f -
}

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
