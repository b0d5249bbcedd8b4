package findings

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"

	"sftui/engine/model"
	"sftui/engine/weights"
	"sftui/recipes"
)

// tokenFindings are about special tokens: those that the model has not learnt,
// and text in their form that the tokenizer takes apart.
func tokenFindings(in *Input, f *facts) []Finding {
	list := in.markerFindings(f)
	fresh := in.freshTokens(f)
	if len(fresh) == 0 {
		return list
	}
	names := strings.Join(fresh, ", ")
	if !in.Recipe.UsePeft {
		return append(list, Finding{ID: "untrained-special-tokens", Severity: recipes.SeverityNote,
			Message: format(in.say("The model has not learnt %s yet: their embeddings are empty or equal to the mean, so they need more rows than words that it knows.",
				"模型尚未学过 %s：其词向量为空或等于均值，因此比已知的词需要更多数据。"), names)})
	}
	if slices.ContainsFunc(in.Recipe.LoraModulesToSave, func(m string) bool { return strings.Contains(m, "embed") }) {
		return list
	}
	fix := Fix{"lora_modules_to_save", "[embed_tokens, lm_head]"}
	if m, err := model.Open(in.ModelDir); err == nil && m.Tied {
		fix.Value = "[embed_tokens]"
	}
	return append(list, Finding{ID: "untrained-special-tokens", Severity: recipes.SeverityWarning, Fix: fix,
		Message: format(in.say("The rows use %s, which the model has not learnt, and the adapter leaves the embeddings frozen: it cannot learn them.",
			"数据使用了模型没有学过的 %s，而适配器冻结了词向量：模型学不会。"), names)})
}

// markerFindings are parts of the template in the form of special tokens that
// the tokenizer does not have.
func (in *Input) markerFindings(f *facts) []Finding {
	if len(f.markers) == 0 || len(f.sample) == 0 {
		return nil
	}
	most := 0
	for _, n := range f.markers {
		most = max(most, n)
	}
	share := float64(most) / float64(len(f.sample))
	return []Finding{{ID: "marker-not-a-token", Severity: recipes.SeverityWarning, Share: share,
		Message: format(in.say("The template writes %s into %s of the rows, but the tokenizer has no such token and takes it apart into ordinary text: the template belongs to another model.",
			"模板在 %[2]s 的行中写入了 %[1]s，但分词器没有该词元，会把它拆成普通文本：该模板属于另一个模型。"), strings.Join(sortedKeys(f.markers), ", "), percent(share))}}
}

// freshTokens are the special tokens in the rows that the model has not
// learnt, judged by its weights or, where there are none, by its own template.
func (in *Input) freshTokens(f *facts) []string {
	ids := make([]int32, 0, len(f.special))
	for id := range f.special {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	fresh, known := unlearnt(in.ModelDir, ids)
	var names []string
	if known {
		for _, id := range fresh {
			names = append(names, in.Tokenizer.Piece(id))
		}
		return names
	}
	own, replaced := in.Tokenizer.ChatTemplate(), in.Preparer.Options().ChatTemplate
	if replaced == "" || replaced == own || !in.Recipe.UsePeft {
		return nil
	}
	for _, id := range ids {
		if piece := in.Tokenizer.Piece(id); len(piece) > 2 && strings.Contains(replaced, piece) && !strings.Contains(own, piece) {
			names = append(names, piece)
		}
	}
	return names
}

// embeddingSample is how many rows of the embedding stand for all of them.
const embeddingSample = 2000

// unlearntShare is below which share of what is usual a row counts as not
// learnt: in length, as rows of zeros are, or in distance from the mean, where
// new rows are put when a vocabulary grows.
const unlearntShare = 0.1

// unlearnt returns those of the ids whose rows of the embedding were never
// trained; known is false when the weights cannot be read.
func unlearnt(dir string, ids []int32) (fresh []int32, known bool) {
	checkpoint, err := weights.OpenSafetensors(dir)
	if err != nil {
		return nil, false
	}
	defer checkpoint.Close() //nolint:errcheck // only read from
	e, ok := openEmbedding(checkpoint)
	if !ok {
		return nil, false
	}
	mean := make([]float64, e.width)
	var rows [][]float32
	for i := 0; i < e.rows; i += max(1, e.rows/embeddingSample) {
		row, err := e.row(i)
		if err != nil {
			return nil, false
		}
		rows = append(rows, row)
		for j, v := range row {
			mean[j] += float64(v)
		}
	}
	for j := range mean {
		mean[j] /= float64(len(rows))
	}
	zero := make([]float64, e.width)
	usualLength, usualDistance := medianDistance(rows, zero), medianDistance(rows, mean)
	if usualLength == 0 || usualDistance == 0 {
		return nil, true // all rows are alike: weights made for a test
	}
	for _, id := range ids {
		row, err := e.row(int(id))
		if err != nil {
			continue // beyond the embedding, which is a finding of its own
		}
		if distance(row, zero) < unlearntShare*usualLength || distance(row, mean) < unlearntShare*usualDistance {
			fresh = append(fresh, id)
		}
	}
	return fresh, true
}

// embedding reads single rows of a stored embedding.
type embedding struct {
	raw         []byte
	dtype       string
	rows, width int
}

func openEmbedding(c *weights.Checkpoint) (e embedding, ok bool) {
	t, found := c.Info(model.EmbedName)
	if !found || len(t.Shape) != 2 || t.Shape[0] == 0 || t.Shape[1] == 0 {
		return e, false
	}
	raw, err := c.Raw(model.EmbedName)
	return embedding{raw: raw, dtype: t.DType, rows: t.Shape[0], width: t.Shape[1]}, err == nil
}

func (e embedding) row(i int) ([]float32, error) {
	size := e.width * weights.ElementSize(e.dtype)
	if i < 0 || i >= e.rows || size == 0 {
		return nil, errors.New("the embedding has no such row")
	}
	return weights.DecodeFloat32(e.raw[i*size:(i+1)*size], e.dtype)
}

// distance is the Euclidean distance of a row from a point.
func distance(row []float32, point []float64) float64 {
	sum := 0.0
	for j, v := range row {
		d := float64(v) - point[j]
		sum += d * d
	}
	return math.Sqrt(sum)
}

func medianDistance(rows [][]float32, point []float64) float64 {
	all := make([]float64, len(rows))
	for i, r := range rows {
		all[i] = distance(r, point)
	}
	slices.SortFunc(all, cmp.Compare[float64])
	return all[len(all)/2]
}
