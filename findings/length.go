package findings

import (
	"slices"
	"strconv"

	"sftui/recipes"
)

// lengthFindings are what max_length does to the rows.
func lengthFindings(in *Input, f *facts) []Finding {
	r := in.Recipe
	if r.MaxLength == nil {
		return longestRow(in, f)
	}
	limit := int32(*r.MaxLength)
	long := func(row *rowFacts) bool { return !row.has(flagFailed) && row.Tokens > limit }
	fix := longer(in, f, int(limit))
	if r.LongRows == "drop" && !r.Packing {
		if fix.Key == "long_rows" {
			fix = Fix{}
		}
		return gather(rowsFinding(in, f, "rows-dropped", recipes.SeverityNote, long).
			with(in, "%[1]d rows (%[2]s) are longer than max_length %[3]d and are left out, as long_rows asks.",
				"%[1]d 行（%[2]s）超过 max_length %[3]d，按 long_rows 的要求略去。", fix, limit))
	}
	if r.LongRows == "split" || r.Packing && r.PackingStrategy != "bfd" {
		return gather(rowsFinding(in, f, "rows-split", recipes.SeverityNote, long).
			with(in, "%[1]d rows (%[2]s) are longer than max_length %[3]d and are cut into pieces, of which only the first begins at the beginning.",
				"%[1]d 行（%[2]s）超过 max_length %[3]d，会被切成几段，只有第一段从头开始。", fix, limit))
	}
	stays := in.cut()
	if r.Packing { // bfd cuts rows as truncation does before it lays them together
		stays = window{limit: limit}
	}
	lost := rowsFinding(in, f, "answers-cut", recipes.SeverityError, func(row *rowFacts) bool {
		return long(row) && row.Trained > 0 && !stays.trains(row)
	})
	if lost != nil && lost.Share < 0.01 {
		lost.Severity = recipes.SeverityWarning
	}
	cut := rowsFinding(in, f, "rows-truncated", recipes.SeverityWarning, long)
	if cut != nil && cut.Share < 0.01 {
		cut.Severity = recipes.SeverityNote
	}
	stops := rowsFinding(in, f, "eos-cut", recipes.SeverityWarning, func(row *rowFacts) bool {
		return long(row) && row.Stop >= 0 && !stays.stops(row)
	})
	if stops != nil && stops.Share < 0.01 {
		stops.Severity = recipes.SeverityNote
	}
	return gather(
		lost.with(in, "%[1]d rows (%[2]s) lose their whole answer at max_length %[3]d: nothing in them is trained.",
			"%[1]d 行（%[2]s）在 max_length %[3]d 处失去整个答案：其中没有任何内容被训练。", fix, limit),
		stops.with(in, "%[1]d rows (%[2]s) lose their end token at max_length %[3]d: they teach to go on without end.",
			"%[1]d 行（%[2]s）在 max_length %[3]d 处失去结束符：它们会教模型停不下来。", fix, limit),
		cut.with(in, "%[1]d rows (%[2]s) are longer than max_length %[3]d and are cut.",
			"%[1]d 行（%[2]s）超过 max_length %[3]d，会被截断。", fix, limit))
}

// longer proposes the max_length that keeps 99% of the rows whole, or all of
// few, rounded up to 64 and within the model's positions; where only a few rows
// are far longer than the rest, or no such length keeps one more row whole, to
// leave those out.
func longer(in *Input, f *facts, limit int) Fix {
	lengths := make([]int, 0, len(f.rows))
	long := 0
	for i := range f.rows {
		n := int(f.rows[i].Tokens)
		lengths = append(lengths, n)
		if n > limit {
			long++
		}
	}
	slices.Sort(lengths)
	at := min(len(lengths)-1, (len(lengths)*99+99)/100)
	n := (lengths[at] + 63) / 64 * 64
	if most := readModelConfig(in.ModelDir).MaxPositionEmbeddings; most > 0 {
		n = min(n, most)
	}
	whole := 0 // rows that n keeps and limit does not
	for _, l := range lengths {
		if l > limit && l <= n {
			whole++
		}
	}
	if limit == 0 || whole > 0 && (n <= 4*limit || long*20 > len(f.rows)) {
		return Fix{"max_length", strconv.Itoa(n)}
	}
	return Fix{"long_rows", "drop"}
}

// longestRow warns of a row that sets the memory's peak when nothing limits it.
func longestRow(in *Input, f *facts) []Finding {
	longest, total := 0, int64(0)
	for i := range f.rows {
		total += int64(f.rows[i].Tokens)
		if f.rows[i].Tokens > f.rows[longest].Tokens {
			longest = i
		}
	}
	mean := total / int64(max(1, len(f.rows)))
	top := int64(f.rows[longest].Tokens)
	if top < 4096 || top < 8*mean {
		return nil
	}
	return []Finding{{ID: "monster-row", Severity: recipes.SeverityWarning, Count: 1, Share: 1 / float64(len(f.rows)), Rows: []int{in.number(longest)},
		Message: format(in.say("Row %d has %d tokens, %d times the mean, and max_length is null: the batch that holds it decides whether the run fits.",
			"第 %d 行有 %d 个词元，是平均的 %d 倍，而 max_length 为 null：含它的批决定能否放下。"), in.number(longest), top, top/max(1, mean)),
		Fix: longer(in, f, 0)}}
}
