# --- who can use the Issuer, where the config has the API server decide that ------------------------------------------------------

check_admission() {
  check_admission_policies
  check_refused_objects
}

# a binding without Deny only warns, and a policy that may fail open is none.
check_admission_policies() {
  local name kind what question wrong=0 rc todo='apply manifests/0-access/admission-policies.yaml as a cluster administrator'
  for name in $admission_policies; do
    check="admission policy $name"
    for kind in validatingadmissionpolicies validatingadmissionpolicybindings; do
      what=policy question='.spec.failurePolicy == "Fail"'
      if [[ $kind == validatingadmissionpolicybindings ]]; then
        what=binding
        # shellcheck disable=SC2016 # jq expands it
        question='.spec.policyName == $ARGS.named.name and (.spec.validationActions // [] | any(. == "Deny")) and .spec.matchResources == null and .spec.paramRef == null'
      fi
      rc=0
      fetch "$kind.admissionregistration.k8s.io" "$name" '' "$question" --arg name "$name" || rc=$?
      if ((rc == 2)) && [[ $why == *"doesn't have a resource type"* ]]; then
        check='admission policies'
        fail 'the cluster has no ValidatingAdmissionPolicies, which Kubernetes 1.30 brings' 'upgrade Kubernetes, or remove certManager.admissionPolicy from mesh-ca.yaml'
        return
      fi
      if ((rc == 0)) && [[ $got == true ]]; then continue; fi
      wrong=$((wrong + 1))
      case $rc in
        0) fail "the $what does not deny requests as planned" "$todo" ;;
        1) fail "the $what is missing" "$todo" ;;
        *) unknown "$why" ;;
      esac
    done
  done
  check='admission policies'
  if ((wrong == 0)); then ok "$(wc -w <<<"$admission_policies" | tr -d ' ') policies and their bindings deny"; fi
}

read -r -d '' admission_questions <<'JQ' || true
def first_of: length, (.[0] // "" | line);
def ours: .spec.issuerRef | .name == $ARGS.named.issuer and (.kind // "Issuer" | . == "" or . == $ARGS.named.kind)
  and (.group // "" | . == "" or . == "cert-manager.io");
def other_certificates:
  [.items[] | select(ours and (.metadata.name | IN("istiod", "istiod-dynamic") | not)) | "Certificate \(.metadata.namespace)/\(.metadata.name)"] | first_of;
def other_issuers:
  [.items[] | select($ARGS.named.account != "" and .metadata.name != $ARGS.named.issuer
      and any(.. | objects | select(has("serviceAccountRef")) | .serviceAccountRef; .name == $ARGS.named.account))
    | "Issuer \(.metadata.name)"] | first_of;
def account_pods: [.items[] | select(.spec.serviceAccountName == $ARGS.named.account) | "Pod \(.metadata.name)"] | first_of;
def account_secrets:
  [.items[] | select(.type == "kubernetes.io/service-account-token" and .metadata.annotations["kubernetes.io/service-account.name"] == $ARGS.named.account)
    | "Secret \(.metadata.name)"] | first_of;
JQ

# check_refused_objects: the policies look at what is written, and not at what was there before them.
check_refused_objects() {
  check='objects from before the policies'
  local asked kind namespace question count example found=''
  local -a asks=("certificates.cert-manager.io $istio_namespace other_certificates" "issuers.cert-manager.io ${issuer_account_namespace:-$istio_namespace} other_issuers")
  if [[ -n $issuer_account ]]; then asks+=("pods $issuer_account_namespace account_pods" "secrets $issuer_account_namespace account_secrets"); fi
  for asked in "${asks[@]}"; do
    read -r kind namespace question <<<"$asked"
    if ! ask_list "$kind" "$namespace" '' "$question" --arg issuer "$issuer_name" --arg kind "$issuer_kind" --arg account "$issuer_account"; then
      unknown "$why"
      return
    fi
    { read -r count && read -r example; } <<<"$got" || true
    if [[ $count != 0 ]]; then found+="${found:+, }$example${count:+ ($count in all)}"; fi
  done
  if [[ -n $found ]]; then
    fail "they use the mesh's CA, and the policies would refuse them now: $found" 'find out who created them, then delete them'
  else
    ok 'none uses the Issuer or its service account'
  fi
}
