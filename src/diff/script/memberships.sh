
# memberships TARGET WANTED PROGRAM: looks at a room's members until what the jq program says of them
# is WANTED, or for as long as effects may take to settle; sets found. Fails if it is not WANTED.
memberships() {
    found=''
    for ((look = 0; look <= settle * 10; look++)); do
        [[ $look == 0 ]] || sleep 0.1
        call '' "$moderator_token" GET "$1"
        needed
        found=$(jq -r 'def of($user): [.chunk[] | select(.state_key == $user)
            | .content.membership] | last // "never"; '"$3" "$answer" 2>/dev/null) ||
            stop "the members of the room are not told"
        [[ $found != "$2" ]] || return 0
    done
    return 1
}
