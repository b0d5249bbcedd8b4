"""The same steps with transformers, for comparison: python bench/transformers_train.py SHAPE LENGTH BATCH PEAK_TFLOPS."""
import statistics
import sys
import time

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

SHAPES = {
    "qwen2.5-0.5b": dict(hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14),
    "qwen2.5-1.5b": dict(hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12),
}


def main(shape, length, batch, peak):
    config = Qwen2Config(vocab_size=151936, num_key_value_heads=2, tie_word_embeddings=True, rms_norm_eps=1e-6, **SHAPES[shape])
    model = Qwen2ForCausalLM(config).cuda()
    model.gradient_checkpointing_enable()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, fused=True)
    seconds = []
    for _ in range(12):
        ids = torch.randint(0, 151936, (batch, length), device="cuda")
        torch.cuda.synchronize()
        begin = time.time()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        torch.cuda.synchronize()
        seconds.append(time.time() - begin)
    median = statistics.median(seconds[2:])
    tokens = batch * length / median
    parameters = sum(p.numel() for p in model.parameters())
    operations = 6 * parameters + 12 * config.num_hidden_layers * config.hidden_size * length
    print(f"transformers: {tokens:.0f} tokens/s, MFU {operations * tokens / (peak * 1e12):.3f}, "
          f"{median:.3f} s a step, peak {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
