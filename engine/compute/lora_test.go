package compute

import (
	"slices"
	"strings"
	"testing"

	"sftui/engine/model"
)

// TestTargetsArePEFTs holds target_modules and modules_to_save to what PEFT 0.21 matched for the same names.
func TestTargetsArePEFTs(t *testing.T) {
	const q, down = "model.layers.1.self_attn.q_proj", "model.layers.0.mlp.down_proj"
	for _, c := range []struct {
		targets, saved []string
		name           string
		want           bool
	}{
		{nil, nil, q, true},
		{[]string{"all-linear"}, nil, q, true}, {[]string{"ALL-linear"}, nil, q, true},
		{[]string{"q_proj", "v_proj"}, nil, q, true},
		{[]string{"q_proj", "v_proj"}, nil, down, false},
		{[]string{"proj", "v_proj"}, nil, q, false},
		{[]string{"self_attn.q_proj", "x"}, nil, q, true},
		{[]string{"layers.1.self_attn.q_proj", "x"}, nil, q, true},
		{[]string{"layers.0.self_attn.q_proj", "x"}, nil, q, false},
		{[]string{"q_proj"}, nil, q, true}, // PEFT by way of TRL takes one entry as a pattern only and finds nothing
		{[]string{`.*\.(q|v)_proj`}, nil, q, true},
		{[]string{`.*layers\.[12]\..*_proj`}, nil, q, true},
		{[]string{`.*layers\.[12]\..*_proj`}, nil, down, false},
		{[]string{`layers\.[12]\..*_proj`}, nil, q, false}, // a pattern is for the whole name
		{[]string{"all-linear"}, []string{"mlp"}, down, false},
		{[]string{"all-linear"}, []string{"down_proj"}, down, false},
		{[]string{"all-linear"}, []string{"proj"}, down, true},
	} {
		l := &LoRAConfig{TargetModules: c.targets, ModulesToSave: c.saved}
		if got := l.Adapts(c.name); got != c.want {
			t.Errorf("target_modules %q beside %q: %s adapted is %v", c.targets, c.saved, c.name, got)
		}
	}
	for _, c := range []struct {
		saved, weight string
		want          bool
	}{
		{"lm_head", model.HeadName, true}, {"embed_tokens", model.EmbedName, true}, {"norm", model.NormName, true},
		{"norm", "model.layers.0.input_layernorm.weight", true}, {"model.norm", "model.layers.0.input_layernorm.weight", false},
		{"mlp", down + ".weight", true}, {"mlp", q + ".bias", false}, {"q_proj", q + ".bias", true}, {"layers.1.self_attn", q + ".weight", true},
	} {
		l := &LoRAConfig{ModulesToSave: []string{c.saved}}
		if got := l.Saves(c.weight); got != c.want {
			t.Errorf("modules_to_save %s: %s trained whole is %v", c.saved, c.weight, got)
		}
	}
}

// TestAdaptersOfSomeLayers trains adapters that differ from layer to layer, and takes the export up again.
func TestAdaptersOfSomeLayers(t *testing.T) {
	dir, b := tinyModel(t, nil), unevenBatch(31, 40, 12)
	s := openSession(t, Config{ModelDir: dir, LoRA: &LoRAConfig{
		R: 2, Alpha: 8, TargetModules: []string{`model\.layers\.1\..*(q|down)_proj`}, ModulesToSave: []string{"layers.0.mlp.up_proj"},
	}})
	var names []string
	for _, w := range s.trained() {
		names = append(names, w.name)
	}
	want := []string{
		"model.layers.0.mlp.up_proj.weight",
		"model.layers.1.self_attn.q_proj.lora_A.weight", "model.layers.1.self_attn.q_proj.lora_B.weight",
		"model.layers.1.mlp.down_proj.lora_A.weight", "model.layers.1.mlp.down_proj.lora_B.weight",
	}
	if !slices.Equal(names, want) {
		t.Fatalf("trained are %q, want %q", names, want)
	}
	if got, want := s.cfg.StateBytes(s.model), s.Info().StateBytes; got != want {
		t.Errorf("the state is forecast as %d bytes and is %d", got, want)
	}
	first := mustMicro(t, s, b)
	for range 8 {
		mustStep(t, s, 5e-2, first.Trained)
		mustMicro(t, s, b)
	}
	s.Discard()
	after, err := s.Eval(b)
	if err != nil {
		t.Fatal(err)
	}
	if after.LossSum >= first.LossSum {
		t.Errorf("eight steps took the loss from %g to %g", first.LossSum, after.LossSum)
	}
	out := t.TempDir()
	if err := s.Export(out, ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	if targets := s.adapted(); !slices.Equal(targets, []string{"model.layers.1.self_attn.q_proj", "model.layers.1.mlp.down_proj"}) {
		t.Errorf("target_modules of the export: %q", targets)
	}
	again := openSession(t, Config{ModelDir: dir, Inference: true, LoRA: &LoRAConfig{
		R: 2, Alpha: 8, TargetModules: s.adapted(), ModulesToSave: s.cfg.LoRA.ModulesToSave, InitFrom: out,
	}})
	loaded, err := again.Eval(b)
	if err != nil {
		t.Fatal(err)
	}
	relative(t, "loss of the loaded adapter", loaded.LossSum, after.LossSum, 1e-6)
}

// TestSavedHalfOfATiedPair trains the embedding of a model that ties it to the head: PEFT trains a copy, and the head
// stays as it was, so a merged export has both.
func TestSavedHalfOfATiedPair(t *testing.T) {
	dir, b := tinyModel(t, nil), unevenBatch(32, 30, 22)
	for _, saved := range []string{"embed_tokens", "lm_head"} {
		t.Run(saved, func(t *testing.T) {
			s := openSession(t, Config{ModelDir: dir, LoRA: &LoRAConfig{R: 2, Alpha: 2, TargetModules: []string{"q_proj", "v_proj"}, ModulesToSave: []string{saved}}})
			whole := []*weight{s.embed, s.head}
			before := [][]float32{bufferValues(t, s.embed), bufferValues(t, s.head)}
			for range 3 {
				m := mustMicro(t, s, b)
				mustStep(t, s, 1e-2, m.Trained)
			}
			for i, w := range whole {
				moved := !slices.Equal(before[i], bufferValues(t, w))
				if moved != strings.Contains(w.name, saved) {
					t.Errorf("%s: %s moved is %v", saved, w.name, moved)
				}
			}
			want, err := s.Eval(b)
			if err != nil {
				t.Fatal(err)
			}
			out := t.TempDir()
			if err := s.Export(out, ExportOptions{Merge: true}); err != nil {
				t.Fatal(err)
			}
			merged := openSession(t, Config{ModelDir: out, Inference: true})
			if merged.Info().Tied {
				t.Error("the merged model ties what differs")
			}
			got, err := merged.Eval(b)
			if err != nil {
				t.Fatal(err)
			}
			relative(t, "loss of the merged model", got.LossSum, want.LossSum, 1e-5)
		})
	}
}
