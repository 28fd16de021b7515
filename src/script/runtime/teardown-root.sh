# --- the root

cluster_option() { return 1; }
need_cluster_programs() { return 0; }
role_path=

# look_around: the clusters' CAs come first. What they hold is theirs; that it is there is enough.
look_around() {
  local name mount
  while IFS=: read -r name mount; do
    [[ -n $name ]] || continue
    survey "$mount" || exit 1
    ((${#own[@]} == 0)) || missing+=("a Vault without the CA of cluster $name, in $mount: run dist/$name/teardown.sh first")
  done <<<"$cluster_mounts"
}

# root_pem_gone, remove_root_pem: whether no ./root.pem is there that setup.sh has written.
root_pem_gone() {
  local certificate rc=0
  [[ -f root.pem ]] || return 0
  certificate=$(root_from_vault) || rc=$?
  if ((rc == 0)) && [[ $(each_certificate fingerprint <root.pem) == "$(fingerprint <<<"$certificate")" ]]; then return 1; fi
  keep "./root.pem, which is not the certificate that $root_mount holds"
}
remove_root_pem() { rm -f -- root.pem; }
