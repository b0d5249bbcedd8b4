package compute

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sftui/engine/model"
	"sftui/engine/weights"
)

// allLinear is the target_modules value that adapts every linear layer but the head.
const allLinear = "all-linear"

// adapter is the LoRA pair of one linear layer.
type adapter struct {
	linear string  // name within the block, without ".weight"
	a, b   *weight // [r, in], [out, r]
}

func (c *LoRAConfig) check() error {
	if c == nil {
		return nil
	}
	if c.R <= 0 {
		return fmt.Errorf("lora_r is %d; it must be at least 1", c.R)
	}
	if c.Dropout < 0 || c.Dropout >= 1 {
		return fmt.Errorf("lora_dropout is %g; it must be at least 0 and below 1", c.Dropout)
	}
	return nil
}

// scale is what an adapter's output is multiplied by.
func (c *LoRAConfig) scale() float64 {
	if c.UseRSLoRA {
		return c.Alpha / math.Sqrt(float64(c.R))
	}
	return c.Alpha / float64(c.R)
}

// targets says whether a linear layer is adapted. Names match whole or as the last parts of the full name.
func (c *LoRAConfig) targets(full string) bool {
	if len(c.TargetModules) == 0 || slices.Equal(c.TargetModules, []string{allLinear}) {
		return true
	}
	return matchesModule(full, c.TargetModules)
}

func matchesModule(full string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool {
		return full == m || strings.HasSuffix(full, "."+m)
	})
}

// trainsWhole says whether a weight of the model itself is trained.
func (s *Session) trainsWhole(name string) bool {
	if s.cfg.Inference {
		return false
	}
	if s.cfg.LoRA == nil {
		return true
	}
	return matchesModule(strings.TrimSuffix(strings.TrimSuffix(name, ".weight"), ".bias"), s.cfg.LoRA.ModulesToSave)
}

// addAdapters makes the LoRA pairs: A drawn as PEFT draws it (Kaiming uniform with a = √5), B zero.
func (s *Session) addAdapters() error {
	c := s.cfg.LoRA
	if c == nil {
		return nil
	}
	if s.model.Tied && matchesModule("lm_head", c.ModulesToSave) {
		return fmt.Errorf("modules_to_save names lm_head, which this model ties to embed_tokens; name embed_tokens instead")
	}
	var initial *weights.Checkpoint
	if c.InitFrom != "" {
		var err error
		if initial, err = openAdapter(c.InitFrom); err != nil {
			return err
		}
		defer initial.Close() //nolint:errcheck // opened for reading only
	}
	random := rand.New(rand.NewPCG(uint64(s.cfg.Seed), 0x4c6f5241))
	adapted := 0
	for i, l := range s.layers {
		for _, p := range s.model.Block {
			full := model.LayerPrefix(i) + strings.TrimSuffix(p.Name, ".weight")
			if !p.Linear || !c.targets(full) {
				continue
			}
			a, err := s.newAdapter(full, strings.TrimSuffix(p.Name, ".weight"), p.Shape, initial, random)
			if err != nil {
				return err
			}
			l.adapters = append(l.adapters, a)
			l.trained = append(l.trained, a.a, a.b)
			adapted++
		}
	}
	if adapted == 0 {
		return fmt.Errorf("lora_target_modules %q match no linear layer of %s", c.TargetModules, s.model.Architecture)
	}
	return s.checkAlike()
}

// checkAlike refuses names that pick out single layers: all layers share one program.
func (s *Session) checkAlike() error {
	signature := func(l *layer) string {
		var b strings.Builder
		for _, a := range l.adapters {
			b.WriteString(a.linear + " ")
		}
		for _, w := range l.base {
			fmt.Fprint(&b, w.trainable, " ")
		}
		return b.String()
	}
	for _, l := range s.layers[1:] {
		if signature(l) != signature(s.layers[0]) {
			return fmt.Errorf("lora_target_modules %q and lora_modules_to_save %q must name the same modules in every layer, such as q_proj",
				s.cfg.LoRA.TargetModules, s.cfg.LoRA.ModulesToSave)
		}
	}
	return nil
}

func (s *Session) newAdapter(full, name string, shape []int, initial *weights.Checkpoint, random *rand.Rand) (*adapter, error) {
	out, in, r := shape[0], shape[1], s.cfg.LoRA.R
	a, b := make([]float32, r*in), make([]float32, out*r)
	bound := 1 / math.Sqrt(float64(in))
	for i := range a {
		a[i] = float32((2*random.Float64() - 1) * bound)
	}
	if initial != nil {
		var err error
		if a, err = readAdapter(initial, full, "lora_A", len(a)); err != nil {
			return nil, err
		}
		if b, err = readAdapter(initial, full, "lora_B", len(b)); err != nil {
			return nil, err
		}
	}
	trainable := !s.cfg.Inference
	made := &adapter{linear: name,
		a: &weight{name: full + ".lora_A.weight", shape: []int{r, in}, trainable: trainable, decay: s.decays(full)},
		b: &weight{name: full + ".lora_B.weight", shape: []int{out, r}, trainable: trainable, decay: s.decays(full)}}
	var err error
	if made.a.value, err = s.uploadFloat(a, r, in); err != nil {
		return nil, err
	}
	made.b.value, err = s.uploadFloat(b, out, r)
	return made, err
}

// openAdapter opens a PEFT adapter folder or a safetensors file with an adapter's tensors.
func openAdapter(path string) (*weights.Checkpoint, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, adapterFile)
	}
	c, err := weights.OpenSafetensors(path)
	if err != nil {
		return nil, fmt.Errorf("open the adapter: %w", err)
	}
	return c, nil
}

// readAdapter reads lora_A or lora_B of a layer, in PEFT's saved or in-memory spelling.
func readAdapter(c *weights.Checkpoint, full, which string, elements int) ([]float32, error) {
	for _, middle := range []string{".weight", ".default.weight"} {
		name := peftPrefix + full + "." + which + middle
		if _, found := c.Info(name); !found {
			continue
		}
		values, err := c.Float32(name)
		if err != nil {
			return nil, err
		}
		if len(values) != elements {
			return nil, fmt.Errorf("the adapter's %s has %d values; lora_r and the model ask for %d", name, len(values), elements)
		}
		return values, nil
	}
	return nil, fmt.Errorf("the adapter has no %s%s.%s.weight", peftPrefix, full, which)
}

const (
	peftPrefix  = "base_model.model."
	adapterFile = "adapter_model.safetensors"
)
