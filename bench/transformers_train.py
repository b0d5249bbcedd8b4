"""The same steps with transformers: python bench/transformers_train.py SHAPE LENGTH BATCH PEAK_TFLOPS CHECKPOINTING STEPS DEVICE.

What transformers' Trainer does with bf16=True and optim=adamw_torch_fused, without its logging: float32 weights under autocast,
flash attention (flash_attn where it is installed, else torch's own through sdpa: rows are full, so no mask is in its way),
clipping, a fused AdamW. The GPU is waited for once, after all steps that count, so that nothing but the work is measured.
COMPILE after the others adds torch_compile=True. Prints JSON with the names of `sftui bench train`."""
import importlib.util
import json
import sys
import time

START = time.time()

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

SHAPES = {
    "qwen2.5-0.5b": dict(hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14),
    "qwen2.5-1.5b": dict(hidden_size=1536, intermediate_size=8960, num_hidden_layers=28, num_attention_heads=12),
    "tiny": dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4),
}


def main(shape, length, batch, peak, checkpointing, steps, device, compiled=False):
    cuda = device == "cuda"
    wait = torch.cuda.synchronize if cuda else lambda: None
    flash = cuda and importlib.util.find_spec("flash_attn") is not None
    config = Qwen2Config(vocab_size=151936, num_key_value_heads=2, tie_word_embeddings=True, rms_norm_eps=1e-6,
                         use_cache=False, **SHAPES[shape])
    config._attn_implementation = "flash_attention_2" if flash else "sdpa"
    with torch.device(device):
        model = Qwen2ForCausalLM(config)
    if checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.train()
    forward = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, fused=True)
    warm = min(3, steps - 1)
    rows = torch.randint(0, 151936, (steps, batch, length), device=device)
    begin, first = 0.0, 0.0
    for step in range(steps):
        if step == warm:
            wait()
            begin = time.time()
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = forward(input_ids=rows[step], labels=rows[step]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step == 0:
            wait()
            first = time.time() - START
    wait()
    seconds = (time.time() - begin) / (steps - warm)
    tokens = batch * length / seconds
    parameters = sum(p.numel() for p in model.parameters())
    operations = 6 * parameters + 12 * config.num_hidden_layers * config.hidden_size * length
    used = 0
    if cuda:
        free, total = torch.cuda.mem_get_info()  # what NVML says, as for sftui: the allocator keeps what it once needed
        used = total - free
    print(json.dumps({
        "tokens_per_second": tokens, "mfu": operations * tokens / (peak * 1e12), "median_seconds_per_step": seconds,
        "first_step_seconds": first, "peak_bytes": used, "allocated_bytes": torch.cuda.max_memory_allocated() if cuda else 0,
        "attention": config._attn_implementation, "parameters": parameters, "loss": loss.item(), "compiled": compiled, "torch": torch.__version__,
    }, indent=1))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5] == "true", int(sys.argv[6]), sys.argv[7],
     "COMPILE" in sys.argv[8:])
