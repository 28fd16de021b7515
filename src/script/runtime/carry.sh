# --- a script that carries a secret ID and changes nothing else ------------------------------------------------------------------------

take_over=false
options_usage=' [--take-over]'
options_help='  --take-over         write over a Secret of the planned name that is of another maker
'

# option OPTION...: sets `taken` to the number of words that it took; 1 where it is none of ours.
option() {
  taken=1
  [[ $1 == --take-over ]] && take_over=true
}
