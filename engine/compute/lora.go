package compute

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
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
	_, err := c.pattern()
	return err
}

// scale is what an adapter's output is multiplied by.
func (c *LoRAConfig) scale() float64 {
	if c.UseRSLoRA {
		return c.Alpha / math.Sqrt(float64(c.R))
	}
	return c.Alpha / float64(c.R)
}

// Adapts says whether a linear layer, by its full name ("model.layers.0.self_attn.q_proj"), gets an adapter, by PEFT's
// rules: entries of target_modules match whole or as the last parts of the name; a single entry may be a pattern for
// whole names too; and what is trained whole is not adapted beside.
func (c *LoRAConfig) Adapts(full string) bool {
	for _, saved := range c.ModulesToSave {
		if strings.Contains("."+full+".", "."+saved+".") {
			return false
		}
	}
	if c.adaptsAll() {
		return true
	}
	for _, m := range c.TargetModules {
		if full == m || strings.HasSuffix(full, "."+m) {
			return true
		}
	}
	pattern, err := c.pattern()
	return err == nil && pattern != nil && pattern.MatchString(full)
}

// adaptsAll says whether every linear layer of the blocks is meant; PEFT takes the word in any case of letters.
func (c *LoRAConfig) adaptsAll() bool {
	return len(c.TargetModules) == 0 || len(c.TargetModules) == 1 && strings.EqualFold(c.TargetModules[0], allLinear)
}

// pattern is a single entry of target_modules read as PEFT reads it: a regular expression for whole names; nil where
// there are more entries.
func (c *LoRAConfig) pattern() (*regexp.Regexp, error) {
	if len(c.TargetModules) != 1 {
		return nil, nil
	}
	p, err := regexp.Compile("^(?:" + c.TargetModules[0] + ")$")
	if err != nil {
		return nil, fmt.Errorf("lora_target_modules %q is not a pattern that sftui can read (%w): use names such as q_proj, or all-linear", c.TargetModules[0], err)
	}
	return p, nil
}

// Saves says whether a weight of the model is trained whole beside the adapters: where the name of its module, or of
// one around it, ends in an entry of modules_to_save.
func (c *LoRAConfig) Saves(weight string) bool {
	full := strings.TrimSuffix(strings.TrimSuffix(weight, ".weight"), ".bias")
	for module := full; module != ""; {
		if slices.ContainsFunc(c.ModulesToSave, func(m string) bool { return strings.HasSuffix(module, m) }) {
			return true
		}
		module = module[:max(0, strings.LastIndexByte(module, '.'))]
	}
	return false
}

// unties says whether embedding and head part ways: PEFT trains a copy of the one that modules_to_save names, and the
// other stays as it was.
func (c *LoRAConfig) unties() bool {
	return c != nil && (c.Saves(model.EmbedName) || c.Saves(model.HeadName))
}

// trainsWhole says whether a weight of the model itself is trained.
func (s *Session) trainsWhole(name string) bool {
	if s.cfg.Inference {
		return false
	}
	return s.cfg.LoRA == nil || s.cfg.LoRA.Saves(name)
}

// addAdapters makes the LoRA pairs: A drawn as PEFT draws it (Kaiming uniform with a = √5), B zero.
func (s *Session) addAdapters() error {
	c := s.cfg.LoRA
	if c == nil {
		return nil
	}
	for _, module := range []string{model.HeadName, model.EmbedName} {
		name := strings.TrimSuffix(module, ".weight")
		if !c.adaptsAll() && c.Adapts(name) {
			return fmt.Errorf("lora_target_modules %q match %s, which sftui does not adapt: train it whole with lora_modules_to_save", c.TargetModules, name)
		}
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
			if !p.Linear || !c.Adapts(full) || initial != nil && !isAdapted(initial, full) {
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
	return s.loadSaved(initial)
}

// loadSaved takes what an adapter trained whole over from its file.
func (s *Session) loadSaved(initial *weights.Checkpoint) error {
	if initial == nil || s.dev.Described() {
		return nil
	}
	if err := s.checkUsed(initial); err != nil {
		return err
	}
	for _, w := range s.all {
		name := peftPrefix + w.name
		if _, found := initial.Info(name); !found || !s.cfg.LoRA.Saves(w.name) {
			continue
		}
		values, err := initial.Float32(name)
		if err != nil {
			return err
		}
		if len(values) != w.elements() {
			return fmt.Errorf("the adapter's %s has %d values; the model has %d", name, len(values), w.elements())
		}
		b, err := s.uploadFloat(values, w.shape...)
		if err != nil {
			return err
		}
		w.replace(b)
	}
	return nil
}

// variant is what layers share programs by: their kind, and which of their weights are adapted or trained.
type variant struct {
	kind   int
	sample *layer
}

// findVariants sorts the layers into variants.
func (s *Session) findVariants() {
	known := map[string]int{}
	for _, l := range s.layers {
		var b strings.Builder
		fmt.Fprint(&b, l.kind)
		for _, a := range l.adapters {
			b.WriteString(" " + a.linear)
		}
		for _, w := range l.base {
			fmt.Fprint(&b, " ", w.trainable)
		}
		at, found := known[b.String()]
		if !found {
			at = len(s.variants)
			known[b.String()] = at
			s.variants = append(s.variants, variant{l.kind, l})
		}
		l.variant = at
	}
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
	if s.dev.Described() {
		return made, nil
	}
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

// isAdapted says whether an adapter has a pair for a layer: PEFT's layers_to_transform leaves some out.
func isAdapted(c *weights.Checkpoint, full string) bool {
	for _, name := range adapterNames(full, "lora_A") {
		if _, found := c.Info(name); found {
			return true
		}
	}
	return false
}

// adapterNames are what PEFT calls lora_A or lora_B of a layer when it is saved and in memory.
func adapterNames(full, which string) []string {
	return []string{peftPrefix + full + "." + which + ".weight", peftPrefix + full + "." + which + ".default.weight"}
}

// checkUsed refuses an adapter with tensors that nothing here takes: the biases of lora_bias, DoRA's magnitudes, an
// adapted head or embedding. Without them the model would answer something else than PEFT's.
func (s *Session) checkUsed(initial *weights.Checkpoint) error {
	taken := map[string]bool{}
	for i, l := range s.layers {
		for _, a := range l.adapters {
			for _, which := range []string{"lora_A", "lora_B"} {
				for _, name := range adapterNames(model.LayerPrefix(i)+a.linear, which) {
					taken[name] = true
				}
			}
		}
	}
	for _, w := range s.all {
		taken[peftPrefix+w.name] = s.cfg.LoRA.Saves(w.name)
	}
	for _, name := range initial.Names() {
		if !taken[name] {
			return fmt.Errorf("the adapter %s has %s, which sftui cannot apply: only LoRA's pairs of linear layers and the modules in modules_to_save are supported; merge it into its base model with PEFT first", s.cfg.LoRA.InitFrom, name)
		}
	}
	return nil
}

// readAdapter reads lora_A or lora_B of a layer, in PEFT's saved or in-memory spelling.
func readAdapter(c *weights.Checkpoint, full, which string, elements int) ([]float32, error) {
	for _, name := range adapterNames(full, which) {
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
