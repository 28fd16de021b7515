# --- a mesh that runs: what its istiod signs with, what everybody trusts, and since when --------------------------------------------------

# what the cluster is asked to remember, a ConfigMap beside istiod. Every time in it is the API server's own.
readonly EVIDENCE=cdk8s-mesh-ca-adopt
readonly ROOT_MAP=istio-ca-root-cert
evidence_map=

options_usage=
options_help=
taken=0
option() { return 1; }

look_for_evidence() { evidence_map=$(kube get configmap "$EVIDENCE" -n "$istio_namespace" -o json --ignore-not-found) || exit 1; }
evidence() { [[ -z $evidence_map ]] || jq -r --arg key "$1" '.data[$key] // ""' <<<"$evidence_map"; }

# note_down DATA: lays these words beside the evidence that there is; null takes one away.
note_down() {
  if [[ -z $evidence_map ]]; then
    jq -n --argjson data "$1" --arg name "$EVIDENCE" --arg namespace "$istio_namespace" --arg maker "$MAKER" --arg cluster "$cluster" '{
      apiVersion: "v1", kind: "ConfigMap",
      metadata: {$name, $namespace, labels: {"app.kubernetes.io/managed-by": "cdk8s-mesh-ca"}, annotations: {($maker): $cluster}},
      data: ($data | with_entries(select(.value != null)))}' | kube create -f -
  else
    kube patch configmap "$EVIDENCE" -n "$istio_namespace" --type=merge --patch "$(jq -n --argjson data "$1" '{$data}')"
  fi
  look_for_evidence
}

# server_time: the API server's own, which it gives to what it is asked to make and does not keep.
server_time() { kube create configmap "$EVIDENCE-time" -n "$istio_namespace" --dry-run=server -o json | jq -er .metadata.creationTimestamp; }

# later TIME SECONDS: so long after it.
later() { jq -nr --arg time "$1" --argjson seconds "$2" '$time | fromdateiso8601 + $seconds | todateiso8601'; }

in_hours() { jq -nr --argjson seconds "$1" '$seconds | if . % 3600 == 0 then "\(. / 3600)h" else "\(. / 60 | ceil)m" end'; }

# what every question about the mesh is asked with.
read -r -d '' mesh_questions <<'JQ' || true
def objects: .items // [.] | .[];
def is_ca: .data // {} | has("ca-key.pem") or has("tls.key");
# the names that istiod looks for, in its order; the Secret that it makes for itself has the root as the CA. The key is never let out.
def ca:
  (.data | has("tls.crt")) as $tls | (.metadata.name == "cacerts") as $plugged
  | (if $tls then ["ca.crt", "tls.crt", "tls.crt"] elif $plugged then ["root-cert.pem", "ca-cert.pem", "cert-chain.pem"]
    else ["ca-cert.pem", "ca-cert.pem", "cert-chain.pem"] end) as [$roots, $certificate, $chain]
  | ([.metadata.managedFields[]? | select(.manager == "cdk8s-mesh-ca") | .time] | max // null) as $ours
  | {name: .metadata.name, key: $roots, maker: (.metadata.annotations[$ARGS.named.maker] // ""),
    written: ($ours // ([.metadata.managedFields[]?.time] | max) // .metadata.creationTimestamp),
    keeper: ([.metadata.ownerReferences[]?.kind, (.metadata.annotations // {} | keys[] | select(test("^(cert-manager.io/certificate-name|reconcile.external-secrets.io|argocd.argoproj.io)")))] | join(", ")),
    roots: (.data[$roots] // "" | @base64d), certificate: (.data[$certificate] // "" | @base64d), chain: (.data[$chain] // "" | @base64d)};
def discovery: .spec.template.spec.containers[]? | select(.name == "discovery");
def signs: [discovery | .env[]? | select(.name == "ENABLE_CA_SERVER") | .value] | (last // "true") != "false";
def rolled_out:
  (.spec.replicas // 1) as $replicas | (.metadata.generation // 1) as $generation | .status // {}
  | (.observedGeneration // 0) >= $generation and ([.updatedReplicas, .replicas, .availableReplicas] | all(. == $replicas));
# a sidecar or a gateway, which may be an initContainer, and what it was told.
def proxy: [.spec.containers[]?, .spec.initContainers[]?] | map(select(.name == "istio-proxy"))[0] // empty;
def told($name): [.env[]? | select(.name == $name) | .value] | last // "";
# as Go writes a duration; Istio takes 24h where it is not set, or is none.
def seconds: [scan("([0-9.]+)(h|ms|m|s)") | (.[0] | tonumber) * {h: 3600, m: 60, s: 1, ms: 0.001}[.[1]]] | add // 86400 | ceil;
def sidecars:
  [objects | select(.status.phase | IN("Succeeded", "Failed") | not) | (.metadata | {namespace, name, creationTimestamp}) as $pod
  | proxy | $pod + {seconds: (told("SECRET_TTL") | seconds), address: told("CA_ADDR")}];
# by what they are asked with.
def signs_itself: [objects | select(.kind == "Deployment" and (.metadata.name | IN($ARGS.named.deployments | split(" ")[]))) | signs] | if . == [] then empty else any end;
def names: objects | select(.kind == "Deployment") | .metadata.name;
def made_after:
  [objects] | (map(select(.kind == "Pod")) | length > 0 and all(.metadata.creationTimestamp > $ARGS.named.since))
  and (map(select(.kind == "Deployment")) | all(rolled_out));
def old: map(select(.creationTimestamp <= $ARGS.named.since));
def elsewhere: map(select(.address != $ARGS.named.address));
def asking: map(select(.address == $ARGS.named.address));
def places: [.[].namespace] | group_by(.) | map("\(.[0]) (\(length))") | join(", ");
JQ

ask_mesh() {
  local question=$1
  shift
  jq -r --arg maker "$MAKER" "$@" "$mesh_questions $question"
}

# look_at_ca: sets `ca` to what istiod signs with, or '' where there is no such Secret. The objects go straight into jq.
look_at_ca() {
  ca=$(kube get secret cacerts istio-ca-secret -n "$istio_namespace" --ignore-not-found --show-managed-fields -o json |
    ask_mesh '[objects | select(is_ca) | ca] | sort_by(.name)[0] // empty | tojson') || die "Secrets cacerts and istio-ca-secret of namespace $istio_namespace cannot be read"
}
of_ca() { jq -r --arg key "$1" '.[$key]' <<<"$ca"; }

# look_at_istiod: sets `deployments` to every revision's Deployment and pods, and `signs` to whether a planned one is a CA by itself.
look_at_istiod() {
  deployments=$(kube get deployments,pods -n "$istio_namespace" -l app=istiod -o json) || exit 1
  signs=$(ask_mesh signs_itself --arg deployments "$istiod_deployments" <<<"$deployments")
}

# look_at_sidecars: sets `sidecars` to all of them: where, since when, for how long they ask, and whom.
look_at_sidecars() {
  sidecars=$(kube get pods -A -o json | ask_mesh 'sidecars | tojson') || die "the pods of context $context cannot be listed"
}

# prints_in TEXT: the fingerprints of its certificates, one a line, sorted.
prints_in() { each_certificate fingerprint <<<"$1" | sort -u; }
# beside PRINTS OTHERS: which of the first are not among the second.
beside() { comm -23 <(printf '%s\n' "$1") <(printf '%s\n' "$2"); }

# where_not PRINTS: the namespaces whose istio-ca-root-cert lacks one of these roots, or holds another where STRICT is given; each text once.
where_not() {
  local prints=$1 strict=${2:-} maps text places found
  maps=$(kube get configmaps -A --field-selector="metadata.name=$ROOT_MAP" -o json) || return 2
  while read -r text places; do
    found=$(base64 -d <<<"$text" | each_certificate fingerprint | sort -u)
    [[ -z $(beside "$prints" "$found") && (-z $strict || -z $(beside "$found" "$prints")) ]] || printf '%s\n' "$places"
  done < <(jq -r '[.items[] | {namespace: .metadata.namespace, text: (.data["root-cert.pem"] // "" | @base64)}] | group_by(.text)[]
    | "\(.[0].text) \([.[].namespace] | join(", "))"' <<<"$maps")
  [[ $(jq '.items | length' <<<"$maps") != 0 ]] || printf 'every namespace\n'
}

# wait_for_roots PRINTS [STRICT]: istiod writes them within seconds of its start.
wait_for_roots() {
  local lacking='' i
  for ((i = 0; i < 60; i++)); do
    lacking=$(where_not "$@") || exit 1
    [[ -n $lacking ]] || return 0
    sleep 2
  done
  die "after two minutes $ROOT_MAP is not as it must be in: ${lacking//$'\n'/, }. Look at the log of istiod in $istio_namespace; is another program writing it?"
}

# restart_istiod SINCE: every revision's istiod, one after the other; until no pod is left that was made before.
restart_istiod() {
  local since=$1 name i
  until [[ $(server_time) > $since ]]; do sleep 1; done
  while IFS= read -r name; do
    kube rollout restart "deployment/$name" -n "$istio_namespace"
    kube rollout status "deployment/$name" -n "$istio_namespace" --timeout=10m
  done < <(ask_mesh names <<<"$deployments")
  for ((i = 0; i < 60; i++)); do
    look_at_istiod
    ! made_after "$since" || return 0
    sleep 2
  done
  die "pods of istiod are left in $istio_namespace that were made before $since"
}

# made_after TIME: whether every istiod is of after it, and serves.
made_after() { ask_mesh made_after -e --arg since "$1" <<<"$deployments" >/dev/null; }
