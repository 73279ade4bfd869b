package store

// BoundGroupItems sets what is kept of a group until it is taken back.
func BoundGroupItems(n int64) (back func()) {
	was := groupItems
	groupItems = n
	return func() { groupItems = was }
}
