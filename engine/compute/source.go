package compute

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"sftui/engine/model"
	"sftui/engine/weights"
)

// sourceName is what a checkpoint calls a weight: one that was saved without its head, as transformers' LlamaModel is,
// has names without "model.".
func sourceName(c *weights.Checkpoint, name string) string {
	if _, found := c.Info(name); found {
		return name
	}
	if bare, outer := strings.CutPrefix(name, "model."); outer {
		if _, found := c.Info(bare); found {
			return bare
		}
	}
	return name
}

// sources finds the tensor of a checkpoint that each weight of m begins as and checks its shape and type, before any of
// them is read. tied says that config.json ties embedding and head: either may then stand for both.
func sources(c *weights.Checkpoint, dir string, m *model.Model, tied bool) ([]string, error) {
	var names []string
	for _, p := range m.Params() {
		name, err := sourceOf(c, p.Name, tied)
		if err != nil {
			return nil, fmt.Errorf("the weights of %s %w", dir, err)
		}
		info, _ := c.Info(name)
		if !slices.Equal(info.Shape, p.Shape) {
			return nil, fmt.Errorf("the weight %s in %s has shape %v; config.json says %v", name, dir, info.Shape, p.Shape)
		}
		if !weights.Readable(info.DType) {
			return nil, fmt.Errorf("the weight %s in %s is %s, which cannot be read: save the model as float32, bfloat16 or float16", name, dir, info.DType)
		}
		names = append(names, name)
	}
	return names, nil
}

func sourceOf(c *weights.Checkpoint, name string, tied bool) (string, error) {
	source := sourceName(c, name)
	if _, found := c.Info(source); found {
		return source, nil
	}
	other := map[string]string{model.HeadName: model.EmbedName, model.EmbedName: model.HeadName}[name]
	if other != "" && tied {
		source = sourceName(c, other)
		if _, found := c.Info(source); found {
			return source, nil
		}
	}
	if name == model.HeadName {
		return "", fmt.Errorf("lack %s: where the head is the embedding, config.json needs \"tie_word_embeddings\": true", name)
	}
	return "", fmt.Errorf("lack %s", name)
}

// CheckModel says why the model of a folder cannot be trained, by its config.json and by what the headers of its weights
// say; unused are the tensors there that the model has no place for and that are left out, as transformers does.
func CheckModel(dir string) (unused []string, err error) {
	m, err := model.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := checkDropout(dir, m); err != nil {
		return nil, err
	}
	c, err := weights.OpenSafetensors(dir)
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // opened for reading only
	used, err := sources(c, dir, m, m.Tied)
	if err != nil {
		return nil, err
	}
	for _, name := range c.Names() {
		// Llama's old files hold what rotary positions are computed from, and a tied model may hold its head.
		if !slices.Contains(used, name) && name != model.HeadName && !strings.HasSuffix(name, ".rotary_emb.inv_freq") {
			unused = append(unused, name)
		}
	}
	return unused, nil
}

// checkDropout refuses to train what transformers would train with dropout in attention.
func checkDropout(dir string, m *model.Model) error {
	if p := m.Config.AttentionDropout; p > 0 {
		return fmt.Errorf("%s: config.json: attention_dropout is %g, and sftui trains without dropout in attention: set it to 0", dir, p)
	}
	return nil
}

// part takes embedding and head for two where config.json ties them but the weights hold both and they differ, as
// transformers does.
func (s *Session) part(c *weights.Checkpoint) error {
	if !s.model.Tied {
		return nil
	}
	embed, head := sourceName(c, model.EmbedName), model.HeadName
	for _, name := range []string{embed, head} {
		if _, found := c.Info(name); !found {
			return nil
		}
	}
	same, err := equalTensors(c, embed, head)
	if err != nil {
		return fmt.Errorf("read the weights of %s: %w", s.cfg.ModelDir, err)
	}
	s.model.Tied = same
	return nil
}

// equalTensors says whether two tensors of a checkpoint hold the same numbers.
func equalTensors(c *weights.Checkpoint, a, b string) (bool, error) {
	infoA, _ := c.Info(a)
	infoB, _ := c.Info(b)
	if !slices.Equal(infoA.Shape, infoB.Shape) {
		return false, nil
	}
	if infoA.DType == infoB.DType {
		rawA, err := c.Raw(a)
		if err != nil {
			return false, err
		}
		rawB, err := c.Raw(b)
		return bytes.Equal(rawA, rawB), err
	}
	valuesA, err := c.Float32(a)
	if err != nil {
		return false, err
	}
	valuesB, err := c.Float32(b)
	return slices.Equal(valuesA, valuesB), err
}
