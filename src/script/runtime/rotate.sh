# --- rotation: a new secret ID, then the end of the one before --------------------------------------------------------------------------

before_steps() {
  need_programs jq openssl kubectl
  stop_if_missing
  look_for_root_pem
  need_vault
  need_namespaces "$secret_namespace"
  ((${#missing[@]} > 0)) || need_rights
  ((${#missing[@]} > 0)) || look_around
}

# look_around: there has to be something to rotate, and it has to be ours.
look_around() {
  local rc=0
  find_root || true
  held_secret_id >/dev/null || rc=$?
  case $rc in
    0) look_at_way_in ;;
    1) missing+=("a secret ID in $secret_place of context $context: run setup.sh first") ;;
    *) exit 1 ;;
  esac
}

# nothing_left: whether no secret ID of a stopped run is left to destroy.
nothing_left() {
  local found previous rc=0
  previous=$(previous_accessor) || return 2
  [[ -n $previous ]] || return 0
  look_up_secret_id || rc=$?
  ((rc != 1)) || note "so the one before, accessor $previous, is left until a new one is there"
  # 1, an answer: there is one to destroy.
  ((rc != 0)) || return 1
  ((rc == 1)) || return 2
}

# rotated: never, since each run makes a new one. It looks which one the cluster holds, which is the one to destroy then.
rotated() {
  local found rc=0
  look_up_secret_id || rc=$?
  ((rc <= 1)) || return 2
  return 1
}

# destroy_previous: destroys the secret ID that the cluster held before; never the one that it holds.
destroy_previous() {
  local found previous
  previous=$(previous_accessor)
  [[ -n $previous ]] || return 0
  look_up_secret_id || die "Vault does not know the secret ID that the cluster holds, so the one before, accessor $previous, is left: run this again"
  keys_of "$auth_path/secret-id" || true
  if [[ $previous == "$accessor" ]]; then
    note "the annotation $PREVIOUS names the secret ID that the cluster holds; it is left"
  elif [[ " ${listed[*]} " == *" $previous "* ]]; then
    destroy_secret_id "$previous"
    say "      destroyed: the secret ID with accessor $previous"
  else
    note "the secret ID with accessor $previous is gone already"
  fi
  kube annotate secret "$secret_name" -n "$secret_namespace" "$PREVIOUS-"
}

after_steps() {
  say "cluster $cluster has a new secret ID, accessor $accessor, and its login works"
}
