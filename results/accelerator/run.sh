#!/bin/bash
# run.sh measures bin/runner on a machine with an NVIDIA GPU, beside PyTorch where
# that machine has it: images a second of embedding and of a step in each mode,
# ViT-B/32 and ViT-L/14 of random weights in bf16, memory after each round, and
# the share of the card's matrix peak. It takes the program alone (make dist)
# and needs no network and no Go:
#
#   results/accelerator/run.sh bin/runner > results/accelerator/$(date +%F).md
#
# XLA's CUDA plugin is taken from PLUGIN, else from the wheel jax-cuda13-pjrt or
# jax-cuda12-pjrt of the python3 there, else where runner doctor finds one.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runner=${1:?the program: make dist, then copy and unpack its tar}
batch_b=${BATCH_B:-256} batch_l=${BATCH_L:-64} rounds=${ROUNDS:-20}

plugin=${PLUGIN:-$(python3 -c '
import glob, sysconfig
print(*sorted(glob.glob(sysconfig.get_paths()["purelib"] + "/jax_plugins/xla_cuda*/xla_cuda_plugin.so"))[-1:])' 2>/dev/null)}
engine=xla:${plugin:-cuda}

section() { echo; echo "## $1"; echo; echo '```'; shift; "$@" 2>&1; echo '```'; }

echo "# Measured on $(date -u +%F)"
section "The machine" nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit --format=csv
section "The program" "$runner" version
section "Engines" env PJRT_PLUGIN_LIBRARY_PATH="${plugin:+$(dirname "$plugin")}" "$runner" doctor
for pair in "ViT-B-32 $batch_b" "ViT-L-14 $batch_l"; do
  read -r arch batch <<<"$pair"
  for precision in bf16 f32; do
    section "$arch, $precision" "$runner" bench --arch "$arch" --batch "$batch" --precision "$precision" --engine "$engine" --rounds "$rounds" --matrix 8192 --verbose
  done
  if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    section "$arch, PyTorch on the same card" python3 "$here/peer.py" "$arch" "$batch" "$rounds"
  else
    echo; echo "No PyTorch with CUDA is on this machine: nothing to compare with."
  fi
done
