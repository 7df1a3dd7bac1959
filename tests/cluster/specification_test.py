# SPDX-License-Identifier: Apache-2.0
"""The tests of the specification, against a cluster of real processes. They are as it has them, but
for the clients' ends and for a pause after TriggerCompaction, which returns when it is done."""


class TestLSMTree:
    async def test_basic_operations(self, cluster, find_leader):
        """Put/Get work correctly."""
        leader = await find_leader(cluster)

        await leader.Put(key="hello", value=b"world")
        response = await leader.Get(key="hello")

        assert response.found
        assert response.value == b"world"

        await leader.Delete(key="hello")
        assert not (await leader.Get(key="hello")).found

    async def test_compaction_merges_levels(self, cluster, find_leader):
        """Compaction merges SSTables correctly."""
        leader = await find_leader(cluster)

        # Write enough to trigger multiple flushes
        for i in range(10000):
            await leader.Put(key=f"key_{i:05d}", value=f"value_{i}".encode())

        # Check levels before compaction
        levels_before = await leader.GetLevels()
        l0_count = len(levels_before.levels[0].sstables)
        assert l0_count > 1

        # Trigger compaction
        await leader.TriggerCompaction(timeout=60)

        # L0 should have fewer SSTables
        levels_after = await leader.GetLevels()
        assert len(levels_after.levels[0].sstables) < l0_count
        assert levels_after.levels[1].sstables

        # Nothing was lost on the way
        entries = [entry async for entry in leader.scan(prefix="key_")]
        assert [entry.key for entry in entries] == [f"key_{i:05d}".encode() for i in range(10000)]
        assert [entry.value for entry in entries] == [f"value_{i}".encode() for i in range(10000)]

    async def test_bloom_filter_effectiveness(self, cluster, find_leader):
        """Bloom filter reduces unnecessary disk reads."""
        leader = await find_leader(cluster)

        # Insert keys
        for i in range(1000):
            await leader.Put(key=f"key_{i}", value=b"value")

        # Force flush
        await leader.FlushMemTable()

        # Query non-existent keys
        stats_before = await leader.GetStorageStats()

        for i in range(1000):
            await leader.Get(key=f"nonexistent_{i}")

        stats_after = await leader.GetStorageStats()

        # Most queries should be filtered by bloom filter
        # Read amplification should be low
        assert stats_after.read_amplification < 2.0
        reads = stats_after.point_reads - stats_before.point_reads
        consulted = stats_after.blocks_consulted - stats_before.blocks_consulted
        assert reads >= 1000
        assert consulted < 0.05 * reads
