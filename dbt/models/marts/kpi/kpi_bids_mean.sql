{{ bids_per_procurement() }}
