# --- it lies in a Secret

# held_root: prints what lies there; 1 where there is none yet.
held_root() { secret_value "$root_namespace" "$root_name" "$root_data_key"; }

# carry_root: brings the certificate of standard input there.
carry_root() { apply_secret "$root_namespace" "$root_name" "$root_data_key"; }
