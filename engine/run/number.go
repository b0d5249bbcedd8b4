package run

// Number is a float64 that survives JSON when it is not finite.
type Number float64
