{{ bids_per_lot() }}
