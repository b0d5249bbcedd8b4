package compute

// ShapeOf returns the shape that a session with the given MaxLength runs a
// batch in, so that forecasts need no open session; the zero Shape when the
// batch has no tokens.
func ShapeOf(b Batch, maxLength int) Shape {
	l, err := layOut(b, maxLength, maskedAttention)
	if err != nil {
		return Shape{}
	}
	return l.shape
}
