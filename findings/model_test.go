package findings

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sftui/engine/model"
	"sftui/engine/weights"
	"sftui/recipes"
)

// smallModel is a folder of a tokenizer and a whole model of zeros, with the tensors that change makes of its own.
func smallModel(t *testing.T, config string, change func(all map[string][]int)) string {
	t.Helper()
	const sizes = `"vocab_size": 482, "hidden_size": 8, "intermediate_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1, "tie_word_embeddings": true`
	parsed, err := model.ParseConfig([]byte(`{"architectures": ["LlamaForCausalLM"], ` + sizes + `}`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(parsed)
	if err != nil {
		t.Fatal(err)
	}
	shapes := map[string][]int{}
	for _, p := range m.Params() {
		shapes[p.Name] = p.Shape
	}
	change(shapes)
	dir := makeModel(t, chatTemplate, map[string]string{"config.json": `{` + config + `, ` + sizes + `}`})
	err = weights.WriteSafetensors(dir, func(yield func(weights.Tensor, func() ([]byte, error)) bool) {
		for name, shape := range shapes {
			tensor := weights.Tensor{Name: name, DType: weights.F32, Shape: shape}
			if !yield(tensor, func() ([]byte, error) { return make([]byte, tensor.Bytes()), nil }) {
				return
			}
		}
	}, 1<<30, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestUnusableModels: a model that training would refuse is a finding before it, in the same words.
func TestUnusableModels(t *testing.T) {
	const up, llama = "model.layers.0.mlp.up_proj.weight", `"architectures": ["LlamaForCausalLM"]`
	for name, c := range map[string]struct {
		config string
		change func(all map[string][]int)
		id     string
		says   string
	}{
		"whole":        {llama, func(map[string][]int) {}, "", ""},
		"architecture": {`"architectures": ["GPT2LMHeadModel"]`, func(map[string][]int) {}, "model-unusable", "GPT2LMHeadModel is not supported"},
		"rope":         {llama + `, "rope_scaling": {"type": "dynamic", "factor": 2}`, func(map[string][]int) {}, "model-unusable", `rope type "dynamic"`},
		"a hole":       {llama, func(all map[string][]int) { delete(all, up) }, "model-unusable", "lack " + up},
		"other sizes":  {llama, func(all map[string][]int) { all[up] = []int{5, 8} }, "model-unusable", "config.json says"},
		"more":         {llama, func(all map[string][]int) { all["model.layers.0.extra"] = []int{3} }, "weights-unused", "model.layers.0.extra"},
	} {
		list := checkModelFolder(t, smallModel(t, c.config, c.change), nil)
		for _, id := range []string{"model-unusable", "weights-unused", "model-missing"} {
			f := find(list, id)
			if (f != nil) != (id == c.id) || f != nil && !strings.Contains(f.Message, c.says) {
				t.Errorf("%s: %s is %+v, want %q", name, id, f, c.says)
			}
		}
	}
}

// TestAdapterIsNoModel: a folder that holds an adapter is named as what it is, and nothing is said of its layers.
func TestAdapterIsNoModel(t *testing.T) {
	dir := smallModel(t, `"architectures": ["LlamaForCausalLM"]`, func(all map[string][]int) {
		clear(all)
		all["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"] = []int{2, 8}
	})
	if err := os.Rename(filepath.Join(dir, "config.json"), filepath.Join(dir, "adapter_config.json")); err != nil {
		t.Fatal(err)
	}
	list := checkModelFolder(t, dir, errors.New("it is an adapter"), "use_peft=true", "lora_target_modules=[q_proj, v_proj]")
	if f := find(list, "model-unusable"); f == nil || f.Message != "it is an adapter" {
		t.Errorf("the folder: %+v", f)
	}
	if f := find(list, "adapter-targets-missing"); f != nil {
		t.Errorf("of its layers: %+v", f)
	}
	if find(list, "unused-columns") == nil {
		t.Error("the data was not checked with its tokenizer")
	}
	list = checkModelFolder(t, makeModel(t, chatTemplate, nil), errors.New("it has no config.json"))
	if f := find(list, "model-missing"); f == nil || find(list, "model-unusable") != nil || find(list, "unused-columns") == nil {
		t.Errorf("a tokenizer alone: %+v", list)
	}
}

// TestTargetsOfAnAdapter: the head of a tied model is one that can be trained whole; embedding and head cannot be adapted.
func TestTargetsOfAnAdapter(t *testing.T) {
	dir := smallModel(t, `"architectures": ["LlamaForCausalLM"]`, func(map[string][]int) {})
	for _, c := range []struct {
		options []string
		id      string // of the only finding about the adapter
	}{
		{[]string{"lora_modules_to_save=[lm_head, embed_tokens]"}, ""},
		{[]string{"lora_modules_to_save=[score]"}, "adapter-targets-missing"},
		{[]string{"lora_target_modules=[q_proj, embed_tokens]"}, "adapter-target-unsupported"},
		{[]string{`lora_target_modules=['.*(q_proj|lm_head)']`}, "adapter-target-unsupported"},
		{[]string{"lora_target_modules=all-linear"}, ""},
		{[]string{"lora_target_modules=All-Linear"}, ""},
		{[]string{`lora_target_modules=['model\.layers\.0\..*']`}, ""},
	} {
		list := checkModelFolder(t, dir, nil, append(c.options, "use_peft=true")...)
		for _, id := range []string{"adapter-targets-missing", "adapter-target-unsupported"} {
			if f := find(list, id); (f != nil) != (id == c.id) {
				t.Errorf("%q: %s is %+v", c.options, id, f)
			}
		}
	}
}

// checkModelFolder checks a recipe on a model's folder as `sftui check` does, where looking for the folder ends with an error.
func checkModelFolder(t *testing.T, dir string, resolved error, options ...string) []Finding {
	t.Helper()
	r := recipes.Default()
	data := write(t, t.TempDir(), "data.jsonl", `{"text": "a b", "note": 1}`+"\n"+`{"text": "a c", "note": 2}`+"\n")
	if err := r.Override(append([]string{"model_name_or_path=" + dir, "dataset_name=" + data}, options...)); err != nil {
		t.Fatal(err)
	}
	return checkOpened(t, r, OpenOptions{ResolveModel: func(_ context.Context, name, _ string) (string, error) { return name, resolved }})
}
