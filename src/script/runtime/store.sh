# --- the External Secrets operator's own login

# need_store: its auth method is the cluster's, and serves others too: it is looked for, never made.
need_store() {
  local rc=0
  auth_is "$store_mount" "$store_auth" || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 0)) ||
    missing+=("the auth method $store_auth at $store_mount, which the External Secrets operator logs in by: enable it and give it this cluster, or set secret.store.mount in the config")
}

