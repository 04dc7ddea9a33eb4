#!/bin/bash
# run.sh PART measures the program on a machine with an NVIDIA GPU, and PyTorch
# beside it where python3 has it. Each part takes less than ten minutes, says all
# that it was measured with, and is complete by itself; the most important stand
# first. It needs no network and no Go:
#
#   results/accelerator/run.sh b32-bf16 > results/accelerator/b32-bf16.md
#
#   b32-bf16, l14-bf16  embedding and the step of each mode, ViT-B/32 and ViT-L/14
#   quickstart          a whole sweep, then some of its stages once more
#   repeat              the same sweep twice in two stores: are the bytes the same?
#   b32-f32, l14-f32    as above, in f32 (computed as TF32)
#   batches             embedding and gated-image in batches of 64 to 1,024
#   kernels             ViT-L/14 without flash attention, and with kernels tuned freely
#
# RUNNER is the program (bin/runner), ENGINE the engine (xla:cuda), PYTHON the
# python3 with PyTorch. SMALL=1 takes models and batches for a few minutes on a CPU:
# with ENGINE=xla:cpu the script is rehearsed.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
runner=${RUNNER:-$root/bin/runner}
engine=${ENGINE:-xla:cuda}
python=${PYTHON:-python3}
parts="b32-bf16 l14-bf16 quickstart repeat b32-f32 l14-f32 batches kernels"
works="embed gated-image locked-text full locked-image"
b32=ViT-B-32 b32_batch=256 l14=ViT-L-14 l14_batch=256 rounds=20 matrix=8192
batches="64 128 256 512 1024" again=10 experiment=$root/experiments/quickstart.cue
if [ -n "${SMALL:-}" ]; then
  b32_batch=4 l14=ViT-B-16 l14_batch=2 rounds=1 matrix=256 batches="2 4"
  works="embed gated-image" again=3 experiment=$root/experiments/torture.cue
fi
most=600 # seconds of a part
begin=540 # after which no measurement begins

fail() {
  echo "run.sh: $1" >&2
  exit 1
}

# in_time runs a command within what is left of the part.
in_time() { timeout $((most - SECONDS)) "$@"; }

# late says whether it is too late for another measurement, and notes what is left out.
late() {
  [ "$SECONDS" -lt "$begin" ] && return 1
  echo "- left out for want of time: $1"
}

section() { printf '\n## %s\n\n```\n' "$1"; shift; "$@" 2>&1; printf '```\n'; }

has_torch() { "$python" -c "import torch; assert '$1' == 'cpu' or torch.cuda.is_available()" 2>/dev/null; }

# check ends the script where there is nothing to measure.
check() {
  case " $parts " in *" $1 "*) ;; *) fail "a part, one of: $parts" ;; esac
  [ -x "$runner" ] || fail "no program $runner: make build, or unpack make dist's tar and set RUNNER"
  case $engine in
  *cuda*)
    device=cuda
    nvidia-smi -L >/dev/null 2>&1 || fail "no NVIDIA GPU here: nvidia-smi shows none"
    ;;
  *) device=cpu ;;
  esac
  "$runner" bench --engine "$engine" --arch tiny --work embed --batch 1 --rounds 1 --matrix 0 >/dev/null 2>"$work/why" ||
    fail "the engine $engine does not compute here: $(tail -1 "$work/why")"
}

# head_of PART says with what is measured.
head_of() {
  echo "# $1, measured on $(date -u +%F)"
  section "The machine" eval 'nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit,clocks.max.sm --format=csv 2>/dev/null || grep -m1 "model name" /proc/cpuinfo; nproc'
  section "The program and its engines" eval '"$runner" version; "$runner" doctor'
  section "PyTorch" eval '"$python" -c "import torch; print(torch.__version__, torch.version.cuda, torch.backends.cudnn.version())" 2>&1 | tail -1'
}

# ours WORK ARCH BATCH PRECISION ENGINE prints "images/s share-of-peak MiB", and the table to the log.
ours() {
  in_time "$runner" bench --engine "$5" --arch "$2" --work "$1" --batch "$3" --precision "$4" --rounds "$rounds" --matrix "$matrix" --verbose >"$work/one" 2>&1
  cat "$work/one" >>"$work/log"
  awk -v work="$1" '$1 == work { share = $6 == "%" ? $5 "%" : $5; print $2, share, $NF; found = 1 } END { if (!found) print "-", "-", "-" }' "$work/one"
}

# torch WORK ARCH BATCH PRECISION HOW prints "images/s MiB".
torch() {
  in_time "$python" "$here/peer.py" "$device" "$2" "$3" "$rounds" "$4" "$1" "$5" >"$work/one" 2>&1
  cat "$work/one" >>"$work/log"
  awk -v work="$1" '$1 == work { print $2, $6; found = 1 } END { if (!found) print "-", "-" }' "$work/one"
}

# speed ARCH BATCH PRECISION takes turns with PyTorch, twice compiled and once eager, while there is
# time.
speed() {
  local pass how what
  has_torch "$device" || printf '\nNo PyTorch for this device is here: nothing to compare with.\n'
  printf '\n## %s, batch %d, %s\n\nImages a second; ours is %s.\n\n' "$1" "$2" "$3" "$engine"
  echo "| pass | work | ours | of the matrix peak | MiB | PyTorch | | MiB | ratio |"
  echo "|--:|:--|--:|--:|--:|:--|--:|--:|--:|"
  for pass in 1 2 3; do
    how=compiled
    [ $pass != 3 ] || how=eager
    for what in $works; do
      late "pass $pass of $what" >>"$work/late" && continue
      local our share mib their=- their_mib=-
      read -r our share mib < <(ours "$what" "$1" "$2" "$3" "$engine")
      if has_torch "$device"; then
        read -r their their_mib < <(torch "$what" "$1" "$2" "$3" $how)
      fi
      echo "$our $their" | awk -v line="| $pass | $what | $our | $share | $mib | $how | $their | $their_mib |" \
        '{ print line " " ($1 + 0 > 0 && $2 + 0 > 0 ? sprintf("%.2f", $1 / $2) : "-") " |" }'
    done
  done
}

# rates WORKS ARCH BATCH PRECISION ENGINE prints a line of a table for each work.
rates() {
  local what our share mib
  for what in $1; do
    late "$what of $2, batch $3, $5" >>"$work/late" && continue
    read -r our share mib < <(ours "$what" "$2" "$3" "$4" "$5")
    echo "| $2 | $what | $3 | $our | $share | $mib | $5 ${6:-} |"
  done
}

rates_head() {
  printf '\n| model | work | batch | images/s | of the matrix peak | MiB | engine |\n|:--|:--|--:|--:|--:|--:|:--|\n'
}

sweep() { in_time "$runner" sweep "$experiment" --engine "$engine" --store "$1" --tables "$1/tables"; }

quickstart() {
  section "The sweep" eval 'time sweep "$work/store"'
  section "Its stages once more" in_time "$runner" verify --store "$work/store" --engine "$engine" --rerun $again
}

# digests are those of all outputs in a store, by their keys, but for logs that hold times.
digests() {
  find "$1" -name manifest.json | sort | xargs awk '
    FNR == 1 { key = ""; files = 0 }
    /^\t"key":/ { key = substr($2, 2, 12) }
    /^\t"files":/ { files = 1 }
    /^\t\]/ { files = 0 }
    files && /"path":/ { path = $2 }
    files && /"sha256":/ && path !~ /metrics.jsonl/ { print key, path, $2 }'
}

repeat() {
  local run
  for run in 1 2; do
    section "Run $run" eval 'time sweep "$work/store$run"'
    digests "$work/store$run" >"$work/digests$run"
  done
  printf '\n## Outputs that differ\n\n'
  if [ -s "$work/digests1" ] && diff "$work/digests1" "$work/digests2" >"$work/diff"; then
    echo "None of $(wc -l <"$work/digests1") files: both runs gave the same bytes."
  else
    printf 'Of %d files:\n\n```\n' "$(wc -l <"$work/digests1")"
    head -50 "$work/diff"
    printf '```\n'
  fi
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
part=${1:-}
check "$part"
head_of "$part"
case $part in
b32-*) speed $b32 $b32_batch "${part#b32-}" ;;
l14-*) speed $l14 $l14_batch "${part#l14-}" ;;
quickstart) quickstart ;;
repeat) repeat ;;
batches)
  rates_head
  for arch in $b32 $l14; do for batch in $batches; do rates "embed gated-image" $arch "$batch" bf16 "$engine"; done; done
  ;;
kernels)
  rates_head
  for what in "embed gated-image" "locked-text full"; do
    rates "$what" $l14 $l14_batch bf16 "$engine"
    rates "$what" $l14 $l14_batch bf16 "$engine,flash=false"
    XLA_FLAGS=--xla_gpu_exclude_nondeterministic_ops=false rates "$what" $l14 $l14_batch bf16 "$engine" "with kernels tuned freely"
  done
  ;;
esac
if [ -s "$work/late" ]; then echo; cat "$work/late"; fi
if [ -s "$work/log" ]; then section "All that was said" cat "$work/log"; fi
printf '\nTook %d s.\n' "$SECONDS"
