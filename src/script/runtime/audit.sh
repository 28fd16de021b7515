# --- who did what: Vault's audit devices --------------------------------------------------------------------------------------------

# look_at_audit: warns where Vault keeps no record of what it does. To look takes sudo, which no step needs: a token without it is not asked
# for it, and does not try, since a refused request is what an audit log is watched for.
look_at_audit() {
  local table
  [[ -n $capabilities && -z $repair ]] || return 0
  # Vault has sys/audit in its root namespace alone.
  if [[ -n $vault_namespace ]]; then
    note "the audit devices of Vault belong to its root namespace, which a token of $vault_namespace does not see: ask somebody who does whether there is one"
    return 0
  fi
  if ! jq -e '(.data // .)["sys/audit"] // [] | . == ["root"] or ["read", "sudo"] - . == []' <<<"$capabilities" >/dev/null; then
    note 'this token may not see whether Vault has an audit device (read and sudo on sys/audit): ask somebody who may'
  elif ! table=$(vault read -format=json sys/audit 2>"$work/error"); then
    note "whether Vault has an audit device could not be read: $(last_error)"
  elif ! jq -e '.data // {} | length > 0' <<<"$table" >/dev/null; then
    note "WARNING: Vault has no audit device, so nobody can tell later who had what signed. To enable one: $cli audit enable file file_path=…"
  fi
}
