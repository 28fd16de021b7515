# --- the way in: an IAM role ----------------------------------------------------------------------------------------------------------

need_rights() { return 0; }

# a mount for each cluster: what it holds is this cluster's.
look_at_way_in() { return 0; }

# log_in: there is no logging in from here: AWS gives the IAM role to the service account alone, and cert-manager signs with it.
log_in() {
  say "      not tried: AWS gives the IAM role to service account $issuer_namespace/$service_account alone, so cert-manager is the first to log in: see README.md, section 3"
  return 1
}
