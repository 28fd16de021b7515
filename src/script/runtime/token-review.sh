# --- a Vault outside the cluster asks its API server, with a reviewer's token ----------------------------------------------------------

# the annotation that says when the token ends: Vault does not tell.
readonly ENDS=cdk8s-mesh-ca/token-ends

# reviews_tokens, review_tokens: whether Vault reaches the right API server, with a token that has a third of its time left.
reviews_tokens() {
  of_api_server || return 2
  same_fields "auth/$auth_mount/config" || return $?
  has_account "$reviewer" || return 1
  kube get serviceaccount "$reviewer" -n "$issuer_namespace" -o json |
    jq -e --arg key "$ENDS" --argjson ttl "$reviewer_seconds" '.metadata.annotations[$key] // "1970-01-01T00:00:00Z" | fromdateiso8601 > now + $ttl / 3' >/dev/null || {
    note 'the reviewer has no token yet, or one that has less than a third of its time left'
    return 1
  }
  ! has_account "$service_account" || log_in_with_token >/dev/null 2>"$work/error" || {
    note "a login does not work: $(last_error)"
    return 1
  }
}

# of_api_server: sets the step's fields. The CA is the one of the kubeconfig: Vault comes from outside too.
of_api_server() {
  local ca
  ca=$(kube config view --raw --flatten --minify -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}') || return 1
  [[ -n $ca ]] || note "context $context names no CA, so Vault trusts what its own machine does"
  fields "$(jq -n --arg host "$api_server" --arg ca "$ca" '{kubernetes_host: $host, kubernetes_ca_cert: ($ca | @base64d | rtrimstr("\n")), disable_local_ca_jwt: true}')"
}

review_tokens() {
  local token ends
  if ! has_account "$reviewer"; then
    die "service account $issuer_namespace/$reviewer is not in the cluster yet: apply the manifests of 0-access, then run this again"
  fi
  token=$(account_token "$reviewer" '' "${reviewer_seconds}s") || die "no token for $issuer_namespace/$reviewer: $(last_error)"
  printf '%s' "$token" | jq -Rs --argjson config "$wanted" '$config + {token_reviewer_jwt: .}' | put "auth/$auth_mount/config"
  # the API server may have cut its time.
  ends=$(printf '%s' "$token" | jq -Rr 'split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | . + "==="[:(4 - length % 4) % 4] | @base64d | fromjson | .exp | todateiso8601')
  token=
  kube annotate serviceaccount "$reviewer" -n "$issuer_namespace" --overwrite "$ENDS=$ends"
  note "the reviewer's token ends $ends: run this again well before"
}
