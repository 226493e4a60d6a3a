
# pages FROM WHO TOKEN METHOD TARGET: reads page by page, starting at FROM if FROM is not empty, until
# a page contains e1 or the pages end; sets gave.
pages() {
    local next
    export from=$1
    shift
    for _ in {1..20}; do
        call "$1" "$2" "$3" "$4"' + if env.from == "" then "" else "&from=\(env.from | @uri)" end'
        given '.chunk[].event_id'
        [[ $came == allow && $gave == no ]] || break
        next=$(jq -r '.end | strings' "$answer" 2>/dev/null) || break
        [[ -n $next && $next != "$from" ]] || break
        if jq -e '.chunk == [] and .start == .end' "$answer" >/dev/null; then break; fi
        from=$next
    done
}
