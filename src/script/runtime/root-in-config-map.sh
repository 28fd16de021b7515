# --- it lies in a ConfigMap: a root certificate is public

# held_root: prints what lies there; 1 where there is none yet.
held_root() {
  local map
  map=$(kube get configmap "$root_name" -n "$root_namespace" -o json --ignore-not-found) || return 2
  [[ -n $map ]] || return 1
  jq -er --arg key "$root_data_key" '.data[$key] // empty' <<<"$map" || return 1
}

# carry_root: brings the certificate of standard input there.
carry_root() {
  jq -Rs --arg namespace "$root_namespace" --arg name "$root_name" --arg key "$root_data_key" --arg maker "$MAKER" --arg cluster "$cluster" '{
    apiVersion: "v1", kind: "ConfigMap",
    metadata: {$name, $namespace, labels: {"app.kubernetes.io/managed-by": "cdk8s-mesh-ca"}, annotations: {($maker): $cluster}},
    data: {($key): .}}' | kube apply --server-side --force-conflicts --field-manager=cdk8s-mesh-ca -f -
}
