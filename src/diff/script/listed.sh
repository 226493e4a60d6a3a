
# listed PROGRAM: sets list to the result of the jq program on the members in the answer.
listed() {
    list=$(jq -r 'def of($user): [.chunk[] | select(.state_key == $user)
        | .content.membership] | last // "never"; '"$1" "$answer" 2>/dev/null) || list=''
}
