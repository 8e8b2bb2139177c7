"""A language model of characters, and what it writes.

    python examples/06_language_model.py [FILE] [STEPS]

FILE is any text; that of many papers is Shakespeare's, 1.1 million characters:
https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt
With it, and the 2,000 steps of karpathy's nanoGPT for a CPU (4 layers, 4 heads, width 128, context
64, batch 12), validation ends at a loss of 1.62, where nanoGPT reports 1.88. Without a file it
takes the manual that comes with Python, and a few steps.
"""

import gzip
import pydoc_data.topics
import sys
import time
from pathlib import Path

import numpy as np

from steepest import (
    AdamW,
    Attention,
    Decoder,
    Dense,
    Network,
    Residual,
    RMSNorm,
    SoftmaxCrossEntropy,
    SwiGLU,
    TiedEmbedding,
    TokenEmbedding,
    Trainer,
)
from steepest.schedules import Cosine

CONTEXT, BATCH, WIDTH, HEADS, LAYERS = 64, 12, 128, 4, 4

if len(sys.argv) > 1:
    data = Path(sys.argv[1]).read_bytes()
    text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
else:
    text = "\n".join(pydoc_data.topics.topics.values())[:400_000]
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 2000 if len(sys.argv) > 1 else 40

letters = sorted(set(text))
tokens = np.searchsorted(letters, list(text))  # 0, 1, …: places among the letters
end = len(tokens) * 9 // 10  # what follows is for validation

rng = np.random.default_rng(0)
starts = rng.integers(end - CONTEXT, size=steps * BATCH)
windows = tokens[starts[:, None] + np.arange(CONTEXT + 1)]  # and the letter behind each
held_out = tokens[end : end + (len(tokens) - end - 1) // CONTEXT * CONTEXT + 1]
X_valid, y_valid = held_out[:-1].reshape(-1, CONTEXT), held_out[1:].reshape(-1, CONTEXT)

layers = []
for _ in range(LAYERS):
    attention = Attention(HEADS, causal=True, rotary=10000.0, bias=False)
    layers.append(Residual(RMSNorm(), attention))
    layers.append(Residual(RMSNorm(), Dense(704, bias=False), SwiGLU(), Dense(WIDTH, bias=False)))
embedding = TokenEmbedding(len(letters), WIDTH, std=0.05)
network = Network(TiedEmbedding(embedding, *layers, RMSNorm()), inputs=CONTEXT)

rule = AdamW(
    Cosine(2e-3, warmup=steps // 20, floor=2e-4), beta2=0.99, weight_decay=0.1, clip_norm=1
)
trainer = Trainer(network, SoftmaxCrossEntropy(), rule, batch=BATCH)
began = time.perf_counter()
trainer.fit(windows[:, :-1], windows[:, 1:], epochs=1)
seconds = time.perf_counter() - began
speed = steps * BATCH * CONTEXT / seconds
print(
    f"{network.theta.size:,} parameters, {steps:,} steps: {seconds:.1f} s, {speed:,.0f} letters/s"
)
print(f"validation loss {trainer.evaluate(X_valid, y_valid)['loss']:.3f} nats a letter")

# Attention sees the last 64 letters; rotary positions have no end, so it may write for ever.
decoder = Decoder(network)
began = time.perf_counter()
written = decoder.generate(tokens[:CONTEXT], 500, temperature=0.8)[0]
print(f"{500 / (time.perf_counter() - began):,.0f} letters/s are written:")
print("".join(letters[token] for token in written))
