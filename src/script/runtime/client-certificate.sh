# --- the way in: a certificate --------------------------------------------------------------------------------------------------------

need_rights() { may get "secret/$client_secret" -n "$issuer_namespace"; }

# a mount for each cluster: what it holds is this cluster's.
look_at_way_in() { return 0; }

# log_in: sets `trial_token`; 1, and why, where there is nothing to log in with yet.
log_in() {
  local certificate client_key response rc=0
  certificate=$(secret_value "$issuer_namespace" "$client_secret" tls.crt) || rc=$?
  ((rc > 0)) || client_key=$(secret_value "$issuer_namespace" "$client_secret" tls.key) || rc=$?
  ((rc <= 1)) || exit 1
  if ((rc == 1)); then
    say "      not tried: Secret $issuer_namespace/$client_secret with tls.crt and tls.key is not in the cluster yet. Make it, as README.md says, then run this again"
    return 1
  fi
  # the key goes through a pipe, each is read once.
  response=$(jq -n --arg name "$auth_role" '{$name}' | vault write -format=json -client-cert=<(printf '%s' "$certificate") \
    -client-key=<(printf '%s' "$client_key") "auth/$auth_mount/login" - 2>"$work/error") ||
    die "the login with the certificate in $issuer_namespace/$client_secret failed, cert-manager could not log in either: $(last_error)"
  take_login "$response"
}
