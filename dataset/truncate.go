package dataset

import "fmt"

// truncate cuts ids and labels to maxLength tokens; 0 means no limit. mode
// says which end stays. The slices are views of the ones given.
func truncate(ids, labels []int32, maxLength int, mode string) ([]int32, []int32) {
	if maxLength == 0 || len(ids) <= maxLength {
		return ids, labels
	}
	if mode == KeepEnd {
		from := len(ids) - maxLength
		return ids[from:], labels[from:]
	}
	return ids[:maxLength], labels[:maxLength]
}

// dropReason says why a row whose labels are all masked is dropped.
// full is its length before truncation, trainedBefore how many labels carried loss then.
func (o Options) dropReason(full, trainedBefore int) string {
	if full == 0 {
		return "the row has no tokens"
	}
	if trainedBefore > 0 {
		end, other := "begins after", "keep_end keeps the row's end instead"
		if o.TruncationMode == KeepEnd {
			end, other = "ends before", "keep_start keeps the row's beginning instead"
		}
		return fmt.Sprintf("max_length=%d cuts away every token with loss: all %d of them lie past the cut of this %d-token row (what is trained %s it; raise max_length, or truncation_mode=%s)",
			o.MaxLength, trainedBefore, full, end, other)
	}
	return "no token of the row carries loss before truncation: its completion is empty or its masks are all zero"
}
