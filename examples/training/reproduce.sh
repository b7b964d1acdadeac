#!/usr/bin/env bash
# Trains weights of the kind that ships, from nothing, in the order of weights/README.md.
#
#     bash examples/training/reproduce.sh DATA OUT            # 10 hours on one thread of a Xeon with AMX, and 17 of an EPYC
#     bash examples/training/reproduce.sh --rehearse [N] OUT  # an Nth of the steps (a hundredth) on data made here
#
# DATA has the layout of the research data, which is not distributed:
#
#     train/clean          clean photos                  train/raindrop_4  pairs with drops on the lens
#     train/streaks        recorded streak layers        valid/rain100l_20 pairs to choose checkpoints by
#     train/streaks_light  frames of rendered streaks    valid/raindrop_4  the same for drops
#     train/clean_free     photos of free licences
#
# After an interruption, run the same command again. The hours below are those of weights/README.md. Those of the
# stages marked with ~ were not written down: they are estimated from the time of a step in the next stage. The
# figures differ from those of the shipped weights, which were made by earlier versions of the code.
set -euo pipefail

share=1 small=()
if [ "${1:-}" = --rehearse ]; then
    shift
    share=100
    if [[ "${1:-}" =~ ^[0-9]+$ ]]; then share=$1 && shift; fi
    data=$1/data out=$1
    small=(--set data.crop=64 --set data.batch=2)
elif [ $# -eq 2 ]; then
    data=$1 out=$2
else
    sed -n '2,6s/^# \?//p' "$0"
    exit 2
fi
configs=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)

make_data() { # the layout above, from the photos of scikit-image and rain drawn on them
    python "$configs/first_run.py" >/dev/null
    local photos=$configs/../../runs/first-run
    mkdir -p "$data/train/clean" "$data/train/streaks"
    cp "$photos"/photos/*.png "$data/train/clean"
    cp -r "$data/train/clean" "$data/train/clean_free"
    derain synth --quiet "$photos/held-out" -o "$data/valid/rain100l_20"
    derain synth --quiet "$photos/held-out" -o "$data/valid/raindrop_4" --kind drop
    derain synth --quiet "$photos/held-out" -o "$data/train/raindrop_4" --kind drop --seed 1
    cp "$data"/valid/rain100l_20/mask/*.png "$data/train/streaks"
    cp -r "$data/train/streaks" "$data/train/streaks_light"
}

train() { # STAGE CONFIG STEPS [OPTION...]
    local steps=$(($3 / share > 2 ? $3 / share : 2)) valid=rain100l_20
    local sources=(--set data.clean="[\"$data/train/clean\"]" --set data.streak_layers="$data/train/streaks")
    case $2 in
    lite-drop)
        valid=raindrop_4
        sources=(--set data.clean="[\"$data/train/clean\"]" --set data.drop_layers="$data/train/raindrop_4")
        sources+=(--set data.paired="[{folder = \"$data/train/raindrop_4\", weight = 0.1}]")
        ;;
    lite-free) sources=(--set data.clean="[\"$data/train/clean_free\"]") ;;
    frames-streak | small-streak) sources+=(--set data.streak_frames="$data/train/streaks_light") ;;
    esac
    echo "== $1: $2, $steps steps"
    derain train --quiet "$configs/$2.toml" --out "$out/$1" --resume --set optimiser.steps="$steps" \
        --set validate_every="$((steps < 400 ? steps : 400))" --set data.validation="$data/valid/$valid" \
        "${sources[@]}" "${small[@]}" "${@:4}"
}

from() { # STAGE [WHICH]: the option that begins with its best, or last, weights
    echo "--warm-start=$out/$1/${2:-best}.safetensors"
}

average() { # STAGE SHARES FILE...: the mean of weights of earlier stages
    local stage=$1 shares=$2 files=("${@:3}")
    echo "== $stage: the mean of ${files[*]} by $shares"
    mkdir -p "$out/$stage"
    derain weights average --quiet "${files[@]/#/$out/}" --shares "$shares" -o "$out/$stage/best.safetensors" --overwrite
}

ship() { # STAGE NAME [WHICH]: the best, or last, weights in float16
    derain weights export --quiet "$out/$1/${3:-best}.safetensors" --to safetensors --precision fp16 -o "$out/$2.safetensors" --overwrite
}

[ "$share" -eq 1 ] || [ -d "$data/train/streaks_light" ] || make_data

# balnet-lite-streak
frequency=(--set loss.frequency=1 --set data.heavy_share=0.12 --set data.pattern_share=0.13)
more_rain=("${frequency[@]}" --set data.frame_share=0.7)  # as in photos
train streak-1 lite-streak 15200                                          # ~3.7 h
train streak-2 lite-streak-on 4847 "$(from streak-1)"                     # 1.2 h
train streak-3 photographed-streak 6425 "$(from streak-2)"                # 1.9 h
train streak-4 frames-streak 6200 "$(from streak-3)" --set data.pattern_share=0  # 1.8 h on an AMD EPYC
train streak-5 frames-streak 3409 "$(from streak-4)"                      # 1 h there
train streak-6 frames-streak 2349 "$(from streak-5)" "${frequency[@]}" --set data.realistic_share=0.15  # 1.8 h on an AMD EPYC with AVX2
train streak-7 frames-streak 1274 "$(from streak-6)" "${more_rain[@]}" --set data.realistic_share=0.3  # 1 h there
train streak-8 frames-streak 900 "$(from streak-7 last)" "${more_rain[@]}" --set data.realistic_share=0.35  # 0.7 h there
train streak-9 frames-streak 1765 "$(from streak-8 last)" "${more_rain[@]}" --set data.realistic_share=0.35  # 1.3 h there
average streak-10 2,1,1 streak-6/best.safetensors streak-8/last.safetensors streak-9/last.safetensors
longer=(--set loss.frequency=1 --set data.heavy_share=0.13 --set data.pattern_share=0.12 --set data.frame_share=0.8)
longer+=(--set data.realistic_share=0.28 --set data.clean_share=0.15)
train streak-11 frames-streak 3000 "$(from streak-10)" "${longer[@]}"     # 0.5 h on an AMD EPYC with bf16
train streak-12 frames-streak 5361 "$(from streak-11 last)" "${longer[@]}"  # 0.9 h there
average streak-13 3,17 streak-11/last.safetensors streak-12/last.safetensors
train streak-14 frames-streak 8246 "$(from streak-13)" "${longer[@]}" --set data.crop=160 --set data.batch=5  # 1.4 h there
average streak-15 1,1 streak-13/best.safetensors streak-14/last.safetensors
ship streak-15 balnet-lite-streak

# balnet-lite-drop
train drop-1 lite-drop 5400 "$(from streak-1)" --set optimiser.muon_rate=0 --set optimiser.rate=1.5e-3  # ~1.4 h
train drop-2 lite-drop 3332 "$(from drop-1)"                              # 0.9 h
train drop-3 lite-drop 4738 "$(from drop-2)"                              # 1.3 h
train drop-4 lite-drop 1924 "$(from drop-3)" --set data.crop=160 --set data.batch=5 --set data.clean_share=0.15 \
    --set data.layer_share=0.55 --set loss.attention=0.1 --set optimiser.muon_rate=0.005  # 1.7 h on the EPYC
average drop-5 1,2,1,1 drop-2/last.safetensors drop-3/best.safetensors drop-4/best.safetensors drop-4/last.safetensors
wider=(--set data.crop=160 --set data.batch=6 --set data.clean_share=0.18 --set data.layer_share=0.55 --set loss.attention=0.05)
train drop-6 lite-drop 4800 "$(from drop-5)" "${wider[@]}"                # 0.9 h on an AMD EPYC with bf16
train drop-7 lite-drop 1600 "$(from drop-6 last)" "${wider[@]}"           # 0.3 h there
train drop-8 lite-drop 1692 "$(from drop-7 last)" "${wider[@]}"           # 0.3 h there
average drop-9 1,1,1 drop-6/last.safetensors drop-7/last.safetensors drop-8/last.safetensors
ship drop-9 balnet-lite-drop

# balnet-small
train small-1 small-streak 600 "$(from streak-10)"                        # 0.6 h on an AMD EPYC with AVX2
train small-2 small-streak 812 "$(from small-1 last)"                     # 0.8 h there
average small-3 1,1,2 streak-10/best.safetensors small-1/last.safetensors small-2/last.safetensors
average small-4 1,1,1 streak-11/last.safetensors streak-12/last.safetensors small-3/best.safetensors
average small-5 3,7,10 streak-13/best.safetensors streak-14/last.safetensors small-4/best.safetensors
ship small-5 balnet-small

# balnet-lite-free: drawn rain alone, and the last weights instead of the best ones
train free-1 lite-free 2591                                               # 1.3 h on an AMD EPYC with AVX2
train free-2 lite-free 722 "$(from free-1 last)" --set data.crop=128 --set data.clean_share=0.18 \
    --set data.pattern_share=0.1 --set optimiser.muon_rate=0.006 --set optimiser.rate=5e-4   # 0.6 h there
# CAM of the shipped weights had died by then, and revive_cam.py revived it.
train free-3 lite-free 560 "$(from free-2 last)" --set data.crop=128 --set data.clean_share=0.22 \
    --set data.pattern_share=0.15 --set optimiser.muon_rate=0.005 --set optimiser.rate=4e-4  # 0.4 h there
ship free-3 balnet-lite-free last
