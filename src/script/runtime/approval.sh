# --- what approver-policy lets through, where the config asks for it -------------------------------------------------------------

check_approval() {
  check_request_policies
  check_default_approver
  check_requests
}

check_request_policies() {
  local name status message ready=0 count=0 rc todo='install approver-policy, then apply manifests/1-issuer'
  for name in $request_policies; do
    count=$((count + 1)) rc=0 check="request policy $name"
    fetch certificaterequestpolicies.policy.cert-manager.io "$name" '' \
      'ready | .status // "missing", "\(.reason // "") \(.message // "")" | line' || rc=$?
    if ((rc == 2)) && [[ $why == *"doesn't have a resource type"* ]]; then
      check='request policies'
      fail 'the cluster has no CertificateRequestPolicies' "$todo"
      return
    fi
    case $rc in
      1) fail 'there is none of that name' "$todo" ;;
      2) unknown "$why" ;;
      *)
        { read -r status && read -r message; } <<<"$got" || true
        if [[ $status == True ]]; then
          ready=$((ready + 1))
        else
          fail "Ready is $status, $message" 'is approver-policy running?'
        fi
        ;;
    esac
  done
  check='request policies'
  if ((ready == count)); then ok "all $count are Ready"; fi
}

# asked of the answers, as the questions below are.
read -r -d '' approval_questions <<'JQ' || true
def approvers:
  [.items[].spec.template.spec.containers[] | .args // []]
  | length, (map(select(given(.; "--controllers") | any(. == "-certificaterequests-approver"))) | length), (map(select(given(.; "--config") != [])) | length);
def is($type): any(.status.conditions[]?; .type == $type and .status == "True");
def requests:
  [.items[] | select(.spec.issuerRef.name == $ARGS.named.issuer and (.spec.issuerRef.kind // "Issuer") == $ARGS.named.kind)] as $ours
  | [$ours[] | select(is("Denied")) | "\(.metadata.name): \(.status.conditions[] | select(.type == "Denied") | .message // "")"] as $denied
  | [$ours[] | select((is("Denied") or is("Approved") or is("Ready") | not) and now - (.metadata.creationTimestamp | fromdate) > 60)
    | "\(.metadata.name), by \(.spec.username // "nobody")"] as $waiting
  | ($denied | length), ($denied[0] // "" | line), ($waiting | length), ($waiting[0] // "" | line);
JQ

# check_default_approver: beside cert-manager's own approver the policies decide nothing.
check_default_approver() {
  check='default approver'
  local selector='app.kubernetes.io/name=cert-manager,app.kubernetes.io/component=controller' all off configured
  if ! ask_list deployments.apps "$cert_manager_namespace" "$selector" approvers; then
    unknown "$why"
    return
  fi
  { read -r all && read -r off && read -r configured; } <<<"$got" || true
  if [[ $all == 0 ]]; then
    unknown "there is no Deployment with $selector in namespace $cert_manager_namespace"
  elif [[ $off == "$all" ]]; then
    ok 'cert-manager approves nothing by itself'
  elif [[ $configured != 0 ]]; then
    unknown "cert-manager's --controllers does not turn it off; its --config may, and is not read"
  else
    fail 'cert-manager approves every request by itself, so the policies decide nothing' \
      'helm upgrade cert-manager --set disableAutoApproval=true, as README.md says, section 3'
  fi
}

# check_requests: those that are denied, and those that nobody has decided for a minute.
check_requests() {
  check='requests'
  local todo="look at: kubectl --context $context describe certificaterequests --namespace $istio_namespace" denied first waiting unheard
  if ! ask_list certificaterequests.cert-manager.io "$istio_namespace" '' requests --arg issuer "$issuer_name" --arg kind "$issuer_kind"; then
    unknown "$why"
    return
  fi
  { read -r denied && read -r first && read -r waiting && read -r unheard; } <<<"$got" || true
  if [[ $denied != 0 ]]; then
    fail "$denied denied, e.g. $first" "$todo; delete it once the cause is gone"
  elif [[ $waiting != 0 ]]; then
    fail "$waiting neither approved nor denied, e.g. $unheard" "no policy is for whom asks, or approver-policy does not run; $todo"
  else
    ok "none of $issuer_name is denied or waits for approval"
  fi
}
