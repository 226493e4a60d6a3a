
# given PROGRAM: sets gave to whether the event e1 is among the events that the jq program finds.
given() {
    gave=no
    if jq -e "any($1; . == env.e1_id)" "$answer" >/dev/null 2>&1; then gave=yes; fi
}
