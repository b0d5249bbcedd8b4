package report

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"
)

// eventFile writes TensorBoard's event file format: records of a little-endian
// length, its checksum, an Event message and its checksum. The messages are
// few and small, so they are put together here.
type eventFile struct {
	w     io.Writer
	table *crc32.Table
	buf   []byte
}

// newEventFile writes the record that an event file begins with.
func newEventFile(w io.Writer, start time.Time) (*eventFile, error) {
	f := &eventFile{w: w, table: crc32.MakeTable(crc32.Castagnoli)}
	e := message(nil).double(eventWallTime, seconds(start)).text(eventFileVersion, "brain.Event:2")
	return f, f.record(e)
}

// Field numbers of the messages Event, Summary, Summary.Value and what they hold.
const (
	eventWallTime    = 1
	eventStep        = 2
	eventFileVersion = 3
	eventSummary     = 5

	summaryValue = 1

	valueTag         = 1
	valueSimpleValue = 2
	valueTensor      = 8
	valueMetadata    = 9

	metadataPluginData = 1
	pluginName         = 1

	tensorDType     = 1
	tensorShape     = 2
	tensorStringVal = 8
	shapeDim        = 2
	dimSize         = 1
	dtypeString     = 7
)

// scalar is one named value of a step.
type scalar struct {
	tag   string
	value float64
}

// scalars writes values of a step as one event.
func (f *eventFile) scalars(at time.Time, step int, values []scalar) error {
	var summary message
	for _, v := range values {
		summary = summary.message(summaryValue, message(nil).text(valueTag, v.tag).float(valueSimpleValue, float32(v.value)))
	}
	return f.record(message(nil).double(eventWallTime, seconds(at)).varint(eventStep, uint64(max(0, step))).message(eventSummary, summary))
}

// markdown writes a text that TensorBoard's text plugin shows.
func (f *eventFile) markdown(at time.Time, step int, tag, text string) error {
	metadata := message(nil).message(metadataPluginData, message(nil).text(pluginName, "text"))
	shape := message(nil).message(shapeDim, message(nil).varint(dimSize, 1))
	tensor := message(nil).varint(tensorDType, dtypeString).message(tensorShape, shape).text(tensorStringVal, text)
	value := message(nil).text(valueTag, tag).message(valueTensor, tensor).message(valueMetadata, metadata)
	summary := message(nil).message(summaryValue, value)
	return f.record(message(nil).double(eventWallTime, seconds(at)).varint(eventStep, uint64(max(0, step))).message(eventSummary, summary))
}

// record writes one length-delimited record with its masked checksums.
func (f *eventFile) record(data message) error {
	f.buf = binary.LittleEndian.AppendUint64(f.buf[:0], uint64(len(data)))
	f.buf = binary.LittleEndian.AppendUint32(f.buf, f.masked(f.buf[:8]))
	f.buf = append(f.buf, data...)
	f.buf = binary.LittleEndian.AppendUint32(f.buf, f.masked(data))
	if _, err := f.w.Write(f.buf); err != nil {
		return fmt.Errorf("write event file: %w", err)
	}
	return nil
}

// masked is the CRC-32C of data, rotated and offset, because the checksum of
// data that holds checksums is weak.
func (f *eventFile) masked(data []byte) uint32 {
	c := crc32.Checksum(data, f.table)
	return (c>>15 | c<<17) + 0xa282ead8
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}

// message is a protocol buffer message in the making.
type message []byte

// Wire types of a field.
const (
	wireVarint = 0
	wireDouble = 1
	wireBytes  = 2
	wireFloat  = 5
)

func (m message) key(field, wire int) message {
	return binary.AppendUvarint(m, uint64(field<<3|wire))
}

func (m message) varint(field int, v uint64) message {
	return binary.AppendUvarint(m.key(field, wireVarint), v)
}

func (m message) double(field int, v float64) message {
	return binary.LittleEndian.AppendUint64(m.key(field, wireDouble), math.Float64bits(v))
}

func (m message) float(field int, v float32) message {
	return binary.LittleEndian.AppendUint32(m.key(field, wireFloat), math.Float32bits(v))
}

func (m message) text(field int, s string) message {
	return append(binary.AppendUvarint(m.key(field, wireBytes), uint64(len(s))), s...)
}

func (m message) message(field int, inner message) message {
	return append(binary.AppendUvarint(m.key(field, wireBytes), uint64(len(inner))), inner...)
}
