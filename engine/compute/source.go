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

// sourceOf is the tensor of a checkpoint that a weight begins as. Where config.json ties embedding and head, either may
// stand for both.
func (s *Session) sourceOf(c *weights.Checkpoint, name string) (string, error) {
	source := sourceName(c, name)
	if _, found := c.Info(source); found {
		return source, nil
	}
	other := map[string]string{model.HeadName: model.EmbedName, model.EmbedName: model.HeadName}[name]
	if other != "" && s.declaredTied {
		source = sourceName(c, other)
		if _, found := c.Info(source); found {
			return source, nil
		}
	}
	if name == model.HeadName {
		return "", fmt.Errorf("the weights of %s lack %s: where the head is the embedding, config.json needs \"tie_word_embeddings\": true", s.cfg.ModelDir, name)
	}
	return "", fmt.Errorf("the weights of %s lack %s", s.cfg.ModelDir, name)
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
