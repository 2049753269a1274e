#!/bin/bash
. "$(dirname "$0")/common.sh"
D="$PEER_ROOT/raftq"; stop_pids "$D"; rm -rf "$D"; echo "raftq stopped"
