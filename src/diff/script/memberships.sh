
# memberships TARGET WANTED PROGRAM: reads a room's members until the result of the jq program is
# WANTED, for at most $settle seconds. Sets found to the last result. Fails if it is not WANTED.
memberships() {
    found=''
    for ((look = 0; look <= settle * 10; look++)); do
        [[ $look == 0 ]] || sleep 0.1
        call '' "$moderator_token" GET "$1"
        needed
        found=$(jq -r 'def of($user): [.chunk[] | select(.state_key == $user)
            | .content.membership] | last // "never"; '"$3" "$answer" 2>/dev/null) ||
            stop "the answer does not list the members of the room"
        [[ $found != "$2" ]] || return 0
    done
    return 1
}
