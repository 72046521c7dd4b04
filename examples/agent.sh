#!/bin/sh
# An agent that shows on the board: all that a process sends, from its start to its end, with curl alone.
#
#     sh examples/agent.sh [SESSION]
#
# The environment may set ORCHESTRATOR_URL (http://localhost:8000), API_TOKEN, LEASE_SECONDS (15: after how long without
# a heartbeat the agent counts as lost), WORK_SECONDS (2: how long each piece of its pretended work takes) and
# ANSWER_SECONDS (10: how long it waits for an answer to its question). Who answers it and writes to it uses
# examples/steer.py. Ctrl-C cancels it, and so does
#
#     curl -X PATCH localhost:8000/api/runtime/agents/ID -H 'Content-Type: application/json' \
#         -d '{"cancel_requested": true}'
#
# What goes into JSON here is fixed text, numbers and ids; anything else must be escaped first.
set -eu

url=${ORCHESTRATOR_URL:-http://localhost:8000}
url=${url%/}
lease=${LEASE_SECONDS:-15}
work=${WORK_SECONDS:-2}
patience=${ANSWER_SECONDS:-10}
session=${1:-example}
case $session in
*[!A-Za-z0-9._-]*)
    echo "a session has letters, digits, '.', '_' and '-'" >&2
    exit 2
    ;;
esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# request METHOD PATH [JSON [KEY]]: prints the answer. Fails where it is no success.
# curl tries again while the server is away, or is busy (503) and says for how long.
request() {
    # All tries have one key: the server does it once, and gives the first answer again.
    key=${4:-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')}
    body=$(mktemp "$folder/body.XXXXXX")
    # Ctrl-C goes to curl too, which is to finish. The token goes in by standard input, as everybody may read a
    # process's arguments.
    status=$(
        trap '' INT
        printf '%s\n' "${API_TOKEN:+header = \"Authorization: Bearer $API_TOKEN\"}" |
            curl --config - --silent --show-error --retry "${tries:-15}" --retry-delay 1 --retry-connrefused --retry-all-errors --max-time 60 \
                --request "$1" --header 'Content-Type: application/json' --header "Idempotency-Key: $key" \
                ${3:+--data "$3"} --output "$body" --write-out '%{http_code}' "$url$2"
    ) || return
    case $status in
    2??) cat "$body" && rm "$body" ;;
    *)
        echo "$1 $2: $status $(cat "$body")" >&2
        return 1
        ;;
    esac
}

# The id of the row that an answer is.
id_of() {
    rest=${1#'{"id":"'}
    echo "${rest%%'"'*}"
}

# The id of the definition "Shell example", which is made where there is none.
find_definition() {
    found=$(request GET '/api/agents?q=Shell%20example')
    case $found in
    *'","name":"Shell example"'*)
        found=${found%%'","name":"Shell example"'*}
        echo "${found##*'"'}"
        ;;
    *)
        made=$(request POST /api/agents '{"name": "Shell example", "agent_type": "builder"}')
        id_of "$made"
        ;;
    esac
}

# Says that the agent is alive, several times in each lease, and hears whether it is to stop.
heartbeats() {
    # Nobody is to think that the agent is alive once this script is not.
    while kill -0 $$ 2>/dev/null; do
        answer=$(request POST "$agent/heartbeat" "{\"lease_seconds\": $lease}") || return
        case $answer in
        *'"cancel_requested":true'*)
            kill -TERM $$
            return
            ;;
        esac
        sleep "$(((lease + 2) / 3))"
    done
}

# Acts on messages in their order, one at a time, and acknowledges each after that. One that was not acknowledged comes
# again, also after a crash of either side; so what is done for it has a key, and happens once.
listen() {
    # What fails is done again in the next turn.
    tries=0
    while kill -0 $$ 2>/dev/null; do
        message=$(request GET "$agent/messages?limit=1&wait=10") || { sleep 1 && continue; }
        [ "$message" != '[]' ] || continue
        message=${message#'['}
        number=${message#*'"number":'}
        number=${number%%,*}
        text=${message#*'"message":"'}
        text=${text%%'","summary":'*}
        case $message in
        *'"reply_to":null'*)
            of=$(id_of "$message")
            # The text is JSON as it came, so it goes back as it is.
            request POST /api/runtime/messages "{$from, \"reply_to\": \"$of\", \"message\": \"Heard: $text\"}" \
                "reply to $of" || { sleep 1 && continue; }
            ;;
        *)
            of=${message#*'"reply_to":"'}
            echo "$text" >"$folder/answer.${of%%'"'*}"
            ;;
        esac
        request POST "$agent/messages/ack" "{\"up_to\": $number}" || sleep 1
    done
}

# ask TEXT OPTIONS OTHERWISE: asks a person, and sets `answer`.
ask() {
    made=$(request POST /api/runtime/messages "{$from, \"message\": \"$1\", \"options\": $2}")
    question=$(id_of "$made")
    waited=0
    while [ ! -s "$folder/answer.$question" ] && [ "$waited" -lt "$patience" ]; do
        sleep 1 >/dev/null 2>&1 &
        working=$!
        wait "$working"
        working=
        waited=$((waited + 1))
    done
    # Takes the question back, so that nobody answers it any more; where somebody just has, that is refused.
    if [ ! -s "$folder/answer.$question" ] &&
        request POST /api/runtime/messages "{$from, \"reply_to\": \"$question\", \"message\": \"Nobody answered: $3\"}" \
            >/dev/null 2>&1; then
        answer=$3
        return
    fi
    while [ ! -s "$folder/answer.$question" ]; do sleep 1; done
    answer=$(cat "$folder/answer.$question")
    echo "answer: $answer"
}

set_status() {
    request PATCH "$agent" "{\"status\": \"$1\"}" >/dev/null
    echo "$1"
}

# What a real agent would do here. A shell hears signals while it waits, but not while it runs a program.
work() {
    sleep "$work" >/dev/null 2>&1 &
    working=$!
    wait "$working"
    working=
}

cancel() {
    trap '' INT TERM
    if [ -n "${working-}" ]; then
        kill "$working" 2>/dev/null || true
    fi
    if [ -n "${prompt-}" ]; then
        request PATCH "$prompt" '{"status": "cancelled"}' >/dev/null || true
    fi
    set_status cancelled
    exit 0
}

definition=$(find_definition)
made=$(request POST /api/runtime/agents "{\"orchestrator_agent_id\": \"$definition\", \"session_id\": \"$session\"}")
id=$(id_of "$made")
agent=/api/runtime/agents/$id
echo "agent $id in session $session"
trap cancel INT TERM
heartbeats >/dev/null &
beating=$!
from="\"agent_id\": \"$id\", \"sender_type\": \"agent\", \"receiver_type\": \"user\""
(listen) >/dev/null 2>&1 &
listening=$!
trap 'kill "$beating" "$listening" 2>/dev/null || true; rm -rf "$folder"' EXIT

entry="\"agent_id\": \"$id\", \"log_type\""
request POST /api/runtime/logs "{$entry: \"milestone\", \"message\": \"started\"}" >/dev/null

set_status planning
made=$(request POST /api/runtime/prompts "{\"agent_id\": \"$id\", \"prompt_type\": \"command\", \"status\": \"pending\",
    \"prompt_name\": \"plan\", \"prompt_text\": \"Plan how to say hello.\", \"model_used\": \"example-model\"}")
prompt=/api/runtime/prompts/$(id_of "$made")
request PATCH "$prompt" '{"status": "streaming"}' >/dev/null
work
request PATCH "$prompt" '{"status": "completed", "response_text": "1. Read. 2. Write. 3. Test.",
    "tokens_input": 1200, "tokens_output": 340, "cost_usd": 0.0087, "latency_ms": 2000}' >/dev/null
prompt=

ask "Shall I carry out the plan?" '["yes", "no"]' yes
[ "$answer" != no ] || cancel

set_status executing
work
# Several entries in one request are stored whole or not at all.
request POST /api/runtime/logs "[
    {$entry: \"tool_call\", \"message\": \"read\", \"details\": {\"file\": \"README.md\"}},
    {$entry: \"performance\", \"message\": \"a slow read\", \"log_level\": \"warning\"},
    {$entry: \"milestone\", \"message\": \"done\"}]" >/dev/null

set_status reviewing
work
set_status completed
