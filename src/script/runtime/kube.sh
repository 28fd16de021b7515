# --- what a cluster's scripts share

# find_root: sets `root` to what Vault holds; 1, and says so among what is missing, where it holds none.
find_root() {
  local rc=0
  # shellcheck disable=SC2034 # not every script goes on with it
  root=$(root_from_vault) || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 0)) || missing+=("the root CA in Vault's mount $root_mount: run dist/root/setup.sh first")
  return "$rc"
}

kube() { with_plain_errors kubectl --context "$context" "$@"; }

# need_namespaces NAME...: that they are there.
need_namespaces() {
  local namespace found
  found=$(kube get namespace "$@" -o name 2>"$work/error") && return 0
  for namespace in "$@"; do
    grep -xF "namespace/$namespace" >/dev/null <<<"$found" ||
      missing+=("the namespace $namespace in the cluster of context $context: $(grep -F "\"$namespace\"" "$work/error" || last_error)")
  done
}

# may WORDS...: whether the one who runs this may do that in the cluster.
may() {
  [[ $(kube auth can-i "$@" 2>&1) == yes ]] || missing+=("the right to $* in context $context")
}

# secret_value NAMESPACE NAME KEY: prints a value of a Secret; 1 where there is none.
secret_value() {
  local secret
  secret=$(kube get secret "$2" -n "$1" -o json --ignore-not-found) || return 2
  [[ -n $secret ]] || return 1
  printf '%s' "$secret" | jq -er --arg key "$3" '.data[$key] // empty | @base64d' || return 1
}

# secret_annotation NAMESPACE NAME ANNOTATION: prints it; nothing where there is none.
secret_annotation() {
  kube get secret "$2" -n "$1" -o json --ignore-not-found | jq -r --arg key "$3" '.metadata.annotations[$key] // ""' || return 2
}

# the annotation that says which cluster of the config a Secret was made for.
readonly MAKER=cdk8s-mesh-ca/cluster

# apply_secret NAMESPACE NAME KEY [ANNOTATION VALUE]: makes the Secret, its value from standard input, through pipes only. The annotation says
# something of the value, where VALUE is not empty: both change in one call.
apply_secret() {
  jq -Rs --arg namespace "$1" --arg name "$2" --arg key "$3" --arg maker "$MAKER" --arg cluster "$cluster" \
    --arg annotation "${4:-}" --arg said "${5:-}" '{
    apiVersion: "v1", kind: "Secret", type: "Opaque",
    metadata: {$name, $namespace, labels: {"app.kubernetes.io/managed-by": "cdk8s-mesh-ca"},
      annotations: ({($maker): $cluster} + if $said == "" then {} else {($annotation): $said} end)},
    data: {($key): @base64}}' | kube apply --server-side --force-conflicts --field-manager=cdk8s-mesh-ca -f -
}

