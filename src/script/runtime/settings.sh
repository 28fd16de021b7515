# --- settings of a mount that let more in than the plan, or show more ---------------------------------------------------------------------

# report_tuning sys/mounts|sys/auth MOUNT: names what a mount is tuned with beside its lifetimes, with what takes each back.
report_tuning() {
  local table key value tune=sys/mounts/$2/tune
  [[ $1 == sys/mounts ]] || tune=sys/auth/$2/tune
  table=$(get "$1") || return 2
  while IFS=$'\t' read -r key value; do
    [[ -z $key ]] ||
      stray "the mount $2 is tuned with $key $value, which is not of the plan; to take it back: $cli write $tune $key=$([[ $key != listing_visibility ]] || printf hidden)$([[ $key != token_type ]] || printf default-service)"
  done < <(jq -r --arg mount "$2/" '(.data // .)[$mount] // {} | (.config // {}) + {plugin_version, options} | to_entries[]
    | select(.key | IN("default_lease_ttl", "max_lease_ttl", "force_no_cache", "user_lockout_config", "trim_request_trailing_slashes") | not)
    | select(.value | . == null or . == false or . == 0 or . == "" or . == [] or . == {} or . == [""] or . == "hidden" or . == "default-service" | not)
    | "\(.key)\t\(.value | tojson)"' <<<"$table")
}

# report_pki_settings MOUNT: names what serves certificates beside the PKI role, and what keeps revocations from being seen.
report_pki_settings() {
  local what found setting planned rc
  report_tuning sys/mounts "$1" || return 2
  # three more reads for each mount, so a run that sets up does without them.
  [[ $mode == check ]] || return 0
  for what in acme est crl; do
    rc=0
    # an older Vault has neither ACME nor EST.
    found=$(get "$1/config/$what") || rc=$?
    ((rc <= 1)) || return 2
    ((rc == 0)) || continue
    while IFS=$'\t' read -r setting planned; do
      [[ -z $setting ]] || stray "$1/config/$what has $setting, which is not of the plan; to take it back: $cli write $1/config/$what $planned"
    done < <(jq -r '.data | {acme: {enabled: false}, est: {enabled: false}, crl: {disable: false, ocsp_disable: false}}[$ARGS.named.what] as $plan
      | . as $found | $plan | to_entries[] | select($found[.key] != null and $found[.key] != .value) | "\(.key)=\($found[.key])\t\(.key)=\(.value)"' --arg what "$what" <<<"$found")
  done
}
