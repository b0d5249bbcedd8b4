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
		other := KeepEnd
		if o.TruncationMode == KeepEnd {
			other = KeepStart
		}
		return fmt.Sprintf("max_length=%d cuts away all %d tokens with loss of this row of %d tokens: raise max_length, or set truncation_mode to %s",
			o.MaxLength, trainedBefore, full, other)
	}
	return "no token of the row carries loss: its completion is empty, or its masks or labels leave nothing"
}
