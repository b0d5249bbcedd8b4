package weights

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// ggufBuilder assembles GGUF files for tests.
type ggufBuilder struct {
	keys    []any // key, value, key, value …
	tensors []builtTensor
}

type builtTensor struct {
	name  string
	dims  []uint64 // innermost first, as the format has them
	kind  uint32
	bytes []byte
}

func (b *ggufBuilder) meta(key string, value any) { b.keys = append(b.keys, key, value) }

// set replaces the value of a key that is there.
func (b *ggufBuilder) set(key string, value any) {
	for i := 0; i < len(b.keys); i += 2 {
		if b.keys[i] == key {
			b.keys[i+1] = value
			return
		}
	}
	panic("no key " + key)
}

// float32s adds a tensor of float32; shape is outermost first.
func (b *ggufBuilder) float32s(name string, values []float32, shape ...int) {
	raw, _ := EncodeFloat32(values, F32)
	b.raw(name, 0, raw, shape...)
}

func (b *ggufBuilder) raw(name string, kind uint32, raw []byte, shape ...int) {
	dims := make([]uint64, len(shape))
	for i, d := range shape {
		dims[len(shape)-1-i] = uint64(d)
	}
	b.tensors = append(b.tensors, builtTensor{name, dims, kind, raw})
}

func (b *ggufBuilder) build() []byte {
	var out bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if s, ok := v.(string); ok {
				_ = binary.Write(&out, binary.LittleEndian, uint64(len(s)))
				out.WriteString(s)
				continue
			}
			_ = binary.Write(&out, binary.LittleEndian, v)
		}
	}
	out.WriteString("GGUF")
	put(uint32(3), uint64(len(b.tensors)), uint64(len(b.keys)/2))
	for i := 0; i < len(b.keys); i += 2 {
		put(b.keys[i])
		putValue(put, b.keys[i+1])
	}
	offset := uint64(0)
	for _, t := range b.tensors {
		put(t.name, uint32(len(t.dims)), t.dims, t.kind, offset)
		offset += uint64(len(t.bytes)+31) / 32 * 32
	}
	for _, t := range b.tensors {
		for out.Len()%32 != 0 {
			out.WriteByte(0)
		}
		out.Write(t.bytes)
	}
	return out.Bytes()
}

func putValue(put func(...any), value any) {
	array := func(kind uint32, n int) { put(uint32(ggufArray), kind, uint64(n)) }
	switch v := value.(type) {
	case []string:
		array(ggufString, len(v))
		for _, s := range v {
			put(s)
		}
	case []int32:
		array(ggufInt32, len(v))
		put(v)
	case []float32:
		array(ggufFloat32, len(v))
		put(v)
	case []uint16:
		array(ggufUint16, len(v))
		put(v)
	case []bool:
		array(ggufBool, len(v))
		put(v)
	case [][]float64:
		array(ggufArray, len(v))
		for _, inner := range v {
			put(uint32(ggufFloat64), uint64(len(inner)), inner)
		}
	default:
		put(scalarKind(value), value)
	}
}

func scalarKind(value any) uint32 {
	switch value.(type) {
	case uint8:
		return ggufUint8
	case int8:
		return ggufInt8
	case uint16:
		return ggufUint16
	case int16:
		return ggufInt16
	case uint32:
		return ggufUint32
	case int32:
		return ggufInt32
	case float32:
		return ggufFloat32
	case bool:
		return ggufBool
	case string:
		return ggufString
	case uint64:
		return ggufUint64
	case int64:
		return ggufInt64
	}
	return ggufFloat64
}

func (b *ggufBuilder) write(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, b.build(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Sizes of the little model that littleGGUF makes: two heads of four elements, one key/value head.
const (
	littleVocab, littleHidden, littleHeads, littleKVHeads, littleHeadDim, littleMLP = 8, 6, 2, 1, 4, 5
)

// ramp fills a tensor with distinct values, small enough to be exact in every floating point type.
func ramp(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(i)
	}
	return out
}

// littleGGUF is a complete one-layer model of the architecture. Qwen2's heads make up its hidden size, as llama.cpp wants.
func littleGGUF(arch string) *ggufBuilder {
	b := &ggufBuilder{}
	hidden := littleHidden
	if arch == "qwen2" {
		hidden = littleHeads * littleHeadDim
	}
	b.meta("general.architecture", arch)
	for key, n := range map[string]uint32{
		"embedding_length": uint32(hidden), "feed_forward_length": littleMLP, "block_count": 1, "attention.head_count": littleHeads,
		"attention.head_count_kv": littleKVHeads, "attention.key_length": littleHeadDim, "context_length": 128,
	} {
		b.meta(arch+"."+key, n)
	}
	b.meta(arch+".attention.layer_norm_rms_epsilon", float32(1e-5))
	b.meta(arch+".rope.freq_base", float32(500000))
	b.meta("tokenizer.ggml.model", "gpt2")
	b.meta("tokenizer.ggml.pre", "smollm")
	b.meta("tokenizer.ggml.tokens", []string{"<s>", "</s>", "a", "b", "ab", "<x>", "c", "[PAD]"})
	b.meta("tokenizer.ggml.token_type", []int32{3, 3, 1, 1, 1, 4, 1, 5})
	b.meta("tokenizer.ggml.merges", []string{"a b"})
	b.meta("tokenizer.ggml.bos_token_id", uint32(0))
	b.meta("tokenizer.ggml.eos_token_id", uint32(1))
	b.meta("tokenizer.chat_template", "{{ messages }}")
	matrix := func(name string, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		b.float32s(name, ramp(n), shape...)
	}
	query, key := littleHeads*littleHeadDim, littleKVHeads*littleHeadDim
	matrix("token_embd.weight", littleVocab, hidden)
	matrix("output_norm.weight", hidden)
	matrix("blk.0.attn_norm.weight", hidden)
	matrix("blk.0.attn_q.weight", query, hidden)
	matrix("blk.0.attn_k.weight", key, hidden)
	matrix("blk.0.attn_v.weight", key, hidden)
	matrix("blk.0.attn_output.weight", hidden, query)
	matrix("blk.0.ffn_norm.weight", hidden)
	matrix("blk.0.ffn_gate.weight", littleMLP, hidden)
	matrix("blk.0.ffn_up.weight", littleMLP, hidden)
	matrix("blk.0.ffn_down.weight", hidden, littleMLP)
	switch arch {
	case "qwen2":
		matrix("blk.0.attn_q.bias", query)
		matrix("blk.0.attn_k.bias", key)
		matrix("blk.0.attn_v.bias", key)
	case "qwen3":
		matrix("blk.0.attn_q_norm.weight", littleHeadDim)
		matrix("blk.0.attn_k_norm.weight", littleHeadDim)
	case "gemma3":
		b.meta("gemma3.attention.sliding_window", uint32(16))
		matrix("blk.0.attn_q_norm.weight", littleHeadDim)
		matrix("blk.0.attn_k_norm.weight", littleHeadDim)
		matrix("blk.0.post_attention_norm.weight", hidden)
		matrix("blk.0.post_ffw_norm.weight", hidden)
	}
	return b
}
