export run password
run=ga-$(date +%s)-$RANDOM$RANDOM
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
answer=$work/answer
status='' errcode='' came='' otherwise=''

stop() {
    printf 'could not run: %s\n' "$1"
    exit 2
}

for tool in curl jq; do
    command -v "$tool" >/dev/null || stop "$tool is not installed"
done

# plain TEXT: prints a text of the homeserver, with `?` in place of unusual characters.
plain() { printf '%s' "${1//[^a-zA-Z0-9 _.,:;!?@%&=\/\$\`~()-]/?}"; }

# The start of the paths since v1.1, and the start that the homeserver knows.
since_v1_1=/_matrix/client/v3/
client=$since_v1_1
if curl --disable --silent --max-time "$patience" "$server/_matrix/client/versions" | jq -e '
    .versions | any(startswith("r0.")) and (any(startswith("v1.")) | not)' >/dev/null 2>&1; then
    client=/_matrix/client/r0/
fi

# The homeserver knows the path of a state event with an empty state key only without its last slash.
without_slash=''

# spelled TARGET: prints the target without the slash after an empty state key.
spelled() {
    if [[ $1 =~ ^([^?]*/state/[^/?]+)/(\?.*)?$ ]]; then
        printf '%s' "${BASH_REMATCH[1]}${BASH_REMATCH[2]}"
    else
        printf '%s' "$1"
    fi
}

# call WHO TOKEN METHOD TARGET [BODY]: makes a call, and repeats it while the homeserver asks to wait
# (429). TARGET and BODY are jq programs, which read variables by `env`. The answer is then in the file
# $answer, and status, errcode and came are set; came is `allow`, or the status and the errcode.
call() {
    local who=$1 token=$2 method=$3 target body=${5-} options wait
    target=$(jq -nr "$4") || stop "a value of the homeserver gives no valid call"
    [[ $target != "$since_v1_1"* ]] || target=$client${target#"$since_v1_1"}
    [[ -z $without_slash ]] || target=$(spelled "$target")
    : >"$work/headers"
    options=(--header "@$work/headers")
    [[ -z $token ]] || printf 'Authorization: Bearer %s\n' "$token" >"$work/headers"
    if [[ -n $body ]]; then
        jq -nc "$body" >"$work/body" || stop "a value of the homeserver gives no valid call"
        options+=(--header 'Content-Type: application/json' --data-binary "@$work/body")
    fi
    for _ in {1..20}; do
        : >"$answer"
        status=$(curl --disable --silent --show-error --globoff --path-as-is \
            --max-time "$patience" --max-filesize 8000000 --request "$method" "${options[@]}" \
            --output "$answer" --write-out '%{http_code}' "$server$target") ||
            stop "$server does not answer"
        [[ $status == 429 ]] || break
        wait=$(jq -r '(.retry_after_ms | numbers) / 1000' "$answer" 2>/dev/null) || wait=''
        sleep "${wait:-1}"
    done
    errcode=$(jq -r '.errcode? | strings
        | select(utf8bytelength <= 100 and (test("[[:cntrl:]]") | not))' "$answer" 2>/dev/null) ||
        errcode=''
    if [[ -z $without_slash && $status == [45]?? && $errcode == M_UNRECOGNIZED &&
        $(spelled "$target") != "$target" ]]; then
        without_slash=yes
        call "$@"
        [[ $errcode != M_UNRECOGNIZED ]] || without_slash=''
        return
    fi
    case $status in
        2??) came=allow ;;
        *) came="$status${errcode:+ $errcode}" ;;
    esac
    [[ -z $who ]] || printf '    %s: %s %s -> %s %s\n' \
        "$who" "$method" "$(plain "$target")" "$status" "$(plain "$errcode")"
}

# needed: stops the script unless the last call was allowed. Later calls depend on it.
needed() { [[ $came == allow ]] || stop "the homeserver denied a call that it allowed in the report"; }

# learn NAME PROGRAM: sets a variable to the value that the jq program finds in the last answer.
learn() {
    local value
    value=$(jq -er "$2" "$answer" 2>/dev/null) || stop "the answer has no value for $1"
    printf -v "$1" '%s' "$value"
}

# The jq program for the next stage of interactive authentication that the script can complete.
stage='(.completed // []) as $completed | .session as $session
    | [.flows[].stages - $completed | select(length > 0 and all(.[];
        . == "m.login.dummy"
        or (. == "m.login.registration_token" and (env.REGISTRATION_TOKEN // "") != "")
        or (. == "m.login.password" and env.identity != "")))][0][0]
    | values | {type: .}
    + (if . == "m.login.registration_token" then {token: env.REGISTRATION_TOKEN}
       elif . == "m.login.password" then
           {identifier: {type: "m.id.user", user: env.identity}, password: env.password}
       else {} end)
    + (if $session then {$session} else {} end)'

# interactively USER WHO TOKEN METHOD TARGET BODY: makes a call with interactive authentication. USER
# authenticates by password; without USER, no stage needs a password.
interactively() {
    export identity=$1 auth
    shift
    call "$@"
    for _ in {1..5}; do
        [[ $status == 401 ]] || break
        auth=$(jq -ce "$stage" "$answer" 2>/dev/null) || break
        call "${@:1:4}" "($5) + {auth: (env.auth | fromjson)}"
    done
}

# account NAME TOKEN: uses the account with this token; registers a new account if TOKEN is empty.
account() {
    if [[ -n $2 ]]; then
        call "$1" "$2" GET '"/_matrix/client/v3/account/whoami"'
        needed
        printf -v "$1_token" '%s' "$2"
    else
        interactively '' "$1" '' POST '"/_matrix/client/v3/register"' \
            '{username: "\(env.run)-'"$1"'", password: env.password, inhibit_login: false}'
        needed
        learn "$1_token" .access_token
    fi
    learn "$1_id" .user_id
}

# compare WHAT REPORTED SEEN: prints what was seen, and remembers a difference from the report.
compare() {
    printf '    %s: %s' "$1" "$(plain "$3")"
    if [[ $2 == "$3" ]]; then
        echo ', as in the report'
    else
        otherwise=yes
        printf ', and in the report: %s\n' "$(plain "$2")"
    fi
}
