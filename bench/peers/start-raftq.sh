#!/bin/bash
# start-raftq.sh [N]: three nodes with their defaults, or only node N (1..3) of a cluster that is there. RAFTQ_HOME: a built raftq.
. "$(dirname "$0")/common.sh"
: "${RAFTQ_HOME:?the folder of a built raftq}"
D="$PEER_ROOT/raftq"; mkdir -p "$D"
MEMBERS=(); for m in 1 2 3; do MEMBERS+=(--member "$m=127.0.0.1:2742$m/127.0.0.1:2741$m"); done
start_node() {
  local n="$1"
  setsid node "$RAFTQ_HOME/dist/cli/raftq.cjs" server --cluster-id pb --node-id "$n" --data "$D/n$n" \
    --listen "127.0.0.1:2741$n" --peer-listen "127.0.0.1:2742$n" "${MEMBERS[@]}" \
    </dev/null >>"$D/n$n.log" 2>&1 & echo $! > "$D/n$n.pid"
}
# In the first seconds of its life a node fills a file for the day on which its disk is full: that is over before anything is measured.
wait_reserve() {
  for _ in $(seq 1 600); do [ -e "$D/n$1/reserve" ] && return; sleep 0.1; done
  echo "node $1 has not made its reserve" >&2; return 1
}
if [ $# -gt 0 ]; then start_node "$1"; wait_port "2741$1"; exit 0; fi
for n in 1 2 3; do start_node $n; done
for n in 1 2 3; do wait_port "2741$n"; done
for n in 1 2 3; do wait_reserve $n; done
echo "raftq up: $(cat "$D"/n*.pid | tr '\n' ' ')"
