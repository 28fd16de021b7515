# --- who else can log in ----------------------------------------------------------------------------------------------------------------

# foreign_logins: prints the names of the roles beside the planned one that let somebody log in: in an auth mount of the cluster's own, each;
# in one that clusters may share, each that gives the planned policy. 1 where there is none.
foreign_logins() {
  local role roles=${login_path%/*}
  local -a others=()
  keys_of "$roles" || true
  for role in "${listed[@]}"; do
    [[ $role == "${login_path##*/}" ]] || others+=("$role")
  done
  ((${#others[@]} > 0)) || return 1
  if [[ $login_shared == false ]]; then
    printf '%s\n' "${others[@]}"
    return 0
  fi
  kept logins "$roles" shared_logins
}
shared_logins() {
  local file found=''
  local -a files
  read_each "${others[@]/#/$roles/}" || return 2
  # shellcheck disable=SC2016 # it is jq's
  mapfile -t files < <(each_answer jq -r --arg policy "${policy_path##*/}" \
    'select(.data | (.token_policies // []) + (.policies // []) | index($policy)) | input_filename')
  for file in "${files[@]}"; do found+=${others[${file##*.}]}$'\n'; done
  [[ -n $found ]] || return 1
  printf '%s' "$found"
}

# report_foreign_logins: names them, with what removes each.
report_foreign_logins() {
  local role found rc=0
  found=$(foreign_logins) || rc=$?
  ((rc <= 1)) || exit 1
  while IFS= read -r role; do
    [[ -z $role ]] ||
      stray "role ${login_path%/*}/$role lets somebody log in$([[ $login_shared == false ]] || printf ' with the policy %s' "${policy_path##*/}"), and is not of the plan; to remove it: $cli delete ${login_path%/*}/$role"
  done <<<"$found"
}
