# --- the secret ID lies in a KV secrets engine of Vault, where the External Secrets operator reads it

# held_secret_id: prints the secret ID that cert-manager is given; 1 where there is none yet.
held_secret_id() {
  local held rc=0
  held=$(get_anew "$kv_mount/data/$kv_path") || rc=$?
  ((rc == 0)) || return "$rc"
  printf '%s' "$held" | jq -erj --arg key "$secret_key" '.data.data[$key] // empty' || return 1
}

# previous_accessor: the operator reads in its own time, so the one before serves until its end.
previous_accessor() { return 0; }

# carry_secret_id PREVIOUS: brings the secret ID of standard input there.
carry_secret_id() { jq -Rs --arg key "$secret_key" '{data: {($key): .}}' | put "$kv_mount/data/$kv_path"; }

# need_kv: the mount has to be there, and what lies at the path, ours.
need_kv() {
  local table held rc=0
  table=$(get sys/mounts) || exit 1
  if ! jq -e --arg mount "$kv_mount/" '(.data // .)[$mount] | .type == "kv" and .options.version == "2"' <<<"$table" >/dev/null; then
    missing+=("a KV secrets engine of version 2 at $kv_mount: $cli secrets enable -path=$kv_mount -version=2 kv; or set secret.kv.mount in the config")
    return 0
  fi
  [[ $take_over == false ]] || return 0
  held=$(get_anew "$kv_mount/data/$kv_path") || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 1)) || printf '%s' "$held" | jq -e --arg key "$secret_key" '(.data.data // {}) | keys - [$key] == []' >/dev/null ||
    missing+=("another path than $kv_mount/$kv_path, which holds more than $secret_key: set secret.kv.path in the config; or --take-over")
}

