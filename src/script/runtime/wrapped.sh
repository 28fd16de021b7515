# --- the secret ID is handed over in a wrapping token

# wrap_secret_id: makes a secret ID that Vault gives to whoever brings the wrapping token first, and to nobody after. It is printed for the one
# who runs the cluster; the secret ID itself never comes here.
wrap_secret_id() {
  local response marker one
  local -A before=()
  # Vault does not say which secret ID is in the token: by this mark it is found among the others.
  marker=$(openssl rand -hex 16)
  keys_of "$auth_path/secret-id" || true
  for one in "${listed[@]}"; do before[$one]=there; done
  response=$(jq -n --arg marker "$marker" '{metadata: ({wrapped: $marker} | tojson)}' |
    vault write -wrap-ttl="$wrap_ttl" -format=json "$auth_path/secret-id" -)
  keys_of "$auth_path/secret-id" || true
  accessor=
  for one in "${listed[@]}"; do
    [[ -z ${before[$one]:-} && $(marker_of "$one") == "$marker" ]] && accessor=$one
  done
  [[ -n $accessor ]] || die "the AppRole has no secret ID that was made just now: was it destroyed? run this again"
  handed_over=true
  say '      hand this to the one who runs the cluster; it serves once:'
  say "        wrapping token  $(printf '%s' "$response" | jq -r .wrap_info.token)"
  say "        creation path   $(printf '%s' "$response" | jq -r .wrap_info.creation_path)"
  say "        it ends after   $wrap_ttl"
  say "        accessor        $accessor"
  say "      he runs unwrap-secret-id.sh, which lies beside this script, and types the token. Should he find it used, the secret ID is lost or somebody else has it: destroy it, and run this again:"
  say "        $cli write $auth_path/secret-id-accessor/destroy secret_id_accessor=$accessor"
}

# marker_of ACCESSOR: prints the mark of a secret ID.
marker_of() {
  jq -n --arg accessor "$1" '{secret_id_accessor: $accessor}' | put "$auth_path/secret-id-accessor/lookup" 2>/dev/null |
    jq -r '.data.metadata.wrapped // ""'
}

