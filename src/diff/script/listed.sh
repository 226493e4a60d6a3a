
# listed PROGRAM: sets list to what the jq program says of the members in the answer.
listed() {
    list=$(jq -r 'def of($user): [.chunk[] | select(.state_key == $user)
        | .content.membership] | last // "never"; '"$1" "$answer" 2>/dev/null) || list=''
}
