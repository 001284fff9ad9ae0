"""TensorFlow ops that only compute on their inputs and on variables, tables and lists in memory.

All others are excluded, especially ops that read or write files, print, run Python or native code, communicate with
other processes or devices, or wait. Four are excluded although they look harmless: ``ImmutableConst`` maps a file into
memory, ``DecodeProtoV2`` and ``EncodeProto`` read message descriptors from files, and ``FixedUnigramCandidateSampler``
reads a vocabulary.
"""

from __future__ import annotations


def is_computing(op_type: str) -> bool:
    """Whether the op type is known to only compute."""
    return op_type in _COMPUTING


_COMPUTING = frozenset(
    name
    for group in (
        # Calls, branches and loops; the functions that they name are checked too.
        """
            Case ControlTrigger Enter Exit FakeParam For If LoopCond MapDefun Merge NextIteration NoOp PartitionedCall
            RefEnter RefExit RefIdentity RefMerge RefNextIteration RefSelect RefSwitch StatefulPartitionedCall
            StatelessCase StatelessIf StatelessWhile Switch While
        """,
        # Variables in memory; only the ops of a saver read checkpoints.
        """
            Assign AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp AssignVariableOp CountUpTo DeepCopy
            DestroyResourceOp DestroyTemporaryVariable DisableCopyOnRead Empty GuaranteeConst IsVariableInitialized
            ReadVariableOp ResourceCountUpTo ResourceGather ResourceGatherNd ResourceScatterAdd ResourceScatterDiv
            ResourceScatterMax ResourceScatterMin ResourceScatterMul ResourceScatterNdAdd ResourceScatterNdMax
            ResourceScatterNdMin ResourceScatterNdSub ResourceScatterNdUpdate ResourceScatterSub ResourceScatterUpdate
            ResourceStridedSliceAssign ScatterAdd ScatterDiv ScatterMax ScatterMin ScatterMul ScatterNdAdd ScatterNdMax
            ScatterNdMin ScatterNdSub ScatterNdUpdate ScatterSub ScatterUpdate StridedSliceAssign TemporaryVariable
            VarHandleOp VarIsInitializedOp Variable VariableShape VariableV2
        """,
        # Tables that are initialised from the graph.
        """
            AnonymousHashTable AnonymousMutableDenseHashTable AnonymousMutableHashTable
            AnonymousMutableHashTableOfTensors HashTable HashTableV2 InitializeTable InitializeTableV2
            LookupTableExport LookupTableExportV2 LookupTableFind LookupTableFindV2 LookupTableImport
            LookupTableImportV2 LookupTableInsert LookupTableInsertV2 LookupTableRemoveV2 LookupTableSize
            LookupTableSizeV2 MutableDenseHashTable MutableDenseHashTableV2 MutableHashTable MutableHashTableOfTensors
            MutableHashTableOfTensorsV2 MutableHashTableV2
        """,
        # Lists, arrays, maps and stacks of tensors.
        """
            EmptyTensorList EmptyTensorMap Stack StackClose StackCloseV2 StackPop StackPopV2 StackPush StackPushV2
            StackV2 TensorArray TensorArrayClose TensorArrayCloseV2 TensorArrayCloseV3 TensorArrayConcat
            TensorArrayConcatV2 TensorArrayConcatV3 TensorArrayGather TensorArrayGatherV2 TensorArrayGatherV3
            TensorArrayGrad TensorArrayGradV2 TensorArrayGradV3 TensorArrayGradWithShape TensorArrayPack
            TensorArrayRead TensorArrayReadV2 TensorArrayReadV3 TensorArrayScatter TensorArrayScatterV2
            TensorArrayScatterV3 TensorArraySize TensorArraySizeV2 TensorArraySizeV3 TensorArraySplit
            TensorArraySplitV2 TensorArraySplitV3 TensorArrayUnpack TensorArrayV2 TensorArrayV3 TensorArrayWrite
            TensorArrayWriteV2 TensorArrayWriteV3 TensorListConcat TensorListConcatLists TensorListConcatV2
            TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem TensorListLength
            TensorListPopBack TensorListPushBack TensorListPushBackBatch TensorListReserve TensorListResize
            TensorListScatter TensorListScatterIntoExistingList TensorListScatterV2 TensorListSetItem TensorListSplit
            TensorListStack TensorMapErase TensorMapHasKey TensorMapInsert TensorMapLookup TensorMapSize
            TensorMapStackKeys
        """,
        # Random numbers.
        """
            AllCandidateSampler AnonymousRandomSeedGenerator AnonymousSeedGenerator DeleteRandomSeedGenerator
            DeleteSeedGenerator DummySeedGenerator LogUniformCandidateSampler Multinomial NonDeterministicInts
            ParameterizedTruncatedNormal RandomCrop RandomGamma RandomIndexShuffle RandomPoisson RandomPoissonV2
            RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt RngReadAndSkip RngSkip
            SampleDistortedBoundingBox SampleDistortedBoundingBoxV2 SobolSample StatefulRandomBinomial
            StatefulStandardNormal StatefulStandardNormalV2 StatefulTruncatedNormal StatefulUniform
            StatefulUniformFullInt StatefulUniformInt StatelessMultinomial StatelessParameterizedTruncatedNormal
            StatelessRandomBinomial StatelessRandomGammaV2 StatelessRandomGammaV3 StatelessRandomGetAlg
            StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormal StatelessRandomNormalV2
            StatelessRandomPoisson StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2
            StatelessRandomUniformInt StatelessRandomUniformIntV2 StatelessRandomUniformV2
            StatelessSampleDistortedBoundingBox StatelessShuffle StatelessTruncatedNormal StatelessTruncatedNormalV2
            ThreadUnsafeUnigramCandidateSampler TruncatedNormal UniformCandidateSampler
        """,
        # Gradients and optimizer steps.
        """
            ApplyAdaMax ApplyAdadelta ApplyAdagrad ApplyAdagradDA ApplyAdagradV2 ApplyAdam ApplyAddSign
            ApplyCenteredRMSProp ApplyFtrl ApplyFtrlV2 ApplyGradientDescent ApplyMomentum ApplyPowerSign
            ApplyProximalAdagrad ApplyProximalGradientDescent ApplyRMSProp AvgPool3DGrad AvgPoolGrad BatchCholeskyGrad
            BatchNormWithGlobalNormalizationGrad BiasAddGrad BlockLSTMGrad BlockLSTMGradV2 CholeskyGrad
            Conv2DBackpropFilter Conv2DBackpropFilterV2 Conv2DBackpropInput Conv2DBackpropInputV2 Conv3DBackpropFilter
            Conv3DBackpropFilterV2 Conv3DBackpropInput Conv3DBackpropInputV2 CropAndResizeGradBoxes
            CropAndResizeGradImage CudnnRNNBackprop CudnnRNNBackpropV2 CudnnRNNBackpropV3
            DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput Dilation2DBackpropFilter
            Dilation2DBackpropInput EluGrad FakeQuantWithMinMaxArgsGradient FakeQuantWithMinMaxVarsGradient
            FakeQuantWithMinMaxVarsPerChannelGradient FractionalAvgPoolGrad FractionalMaxPoolGrad FusedBatchNormGrad
            FusedBatchNormGradV2 FusedBatchNormGradV3 GRUBlockCellGrad IgammaGradA InvGrad LRNGrad LSTMBlockCellGrad
            LeakyReluGrad MaxPool3DGrad MaxPool3DGradGrad MaxPoolGrad MaxPoolGradGrad MaxPoolGradGradV2
            MaxPoolGradGradWithArgmax MaxPoolGradV2 MaxPoolGradWithArgmax MirrorPadGrad QuantizeAndDequantizeV4Grad
            RaggedFillEmptyRowsGrad RaggedTensorToVariantGradient RandomGammaGrad ReciprocalGrad Relu6Grad ReluGrad
            ResizeBicubicGrad ResizeBilinearGrad ResizeNearestNeighborGrad ResourceApplyAdaMax ResourceApplyAdadelta
            ResourceApplyAdagrad ResourceApplyAdagradDA ResourceApplyAdagradV2 ResourceApplyAdam
            ResourceApplyAdamWithAmsgrad ResourceApplyAddSign ResourceApplyCenteredRMSProp ResourceApplyFtrl
            ResourceApplyFtrlV2 ResourceApplyGradientDescent ResourceApplyKerasMomentum ResourceApplyMomentum
            ResourceApplyPowerSign ResourceApplyProximalAdagrad ResourceApplyProximalGradientDescent
            ResourceApplyRMSProp ResourceSparseApplyAdadelta ResourceSparseApplyAdagrad ResourceSparseApplyAdagradDA
            ResourceSparseApplyAdagradV2 ResourceSparseApplyCenteredRMSProp ResourceSparseApplyFtrl
            ResourceSparseApplyFtrlV2 ResourceSparseApplyKerasMomentum ResourceSparseApplyMomentum
            ResourceSparseApplyProximalAdagrad ResourceSparseApplyProximalGradientDescent ResourceSparseApplyRMSProp
            RsqrtGrad ScaleAndTranslateGrad SeluGrad SigmoidGrad SoftplusGrad SoftsignGrad SparseAddGrad
            SparseApplyAdadelta SparseApplyAdagrad SparseApplyAdagradDA SparseApplyAdagradV2 SparseApplyCenteredRMSProp
            SparseApplyFtrl SparseApplyFtrlV2 SparseApplyMomentum SparseApplyProximalAdagrad
            SparseApplyProximalGradientDescent SparseApplyRMSProp SparseFillEmptyRowsGrad SparseMatrixSoftmaxGrad
            SparseSegmentMeanGrad SparseSegmentMeanGradV2 SparseSegmentSqrtNGrad SparseSegmentSqrtNGradV2
            SparseSegmentSumGrad SparseSegmentSumGradV2 SparseSliceGrad SqrtGrad StopGradient StridedSliceGrad TanhGrad
            TileGrad
        """,
        # Summaries are messages in tensors; writing them is a different op.
        """
            AudioSummary AudioSummaryV2 HistogramSummary ImageSummary MergeSummary ScalarSummary TensorSummary
            TensorSummaryV2
        """,
        # Optional values, which gradients of loops use, and the next element of a data set, which a graph without data
        # set ops cannot have.
        """
            IteratorGetNext IteratorGetNextAsOptional IteratorGetNextSync OptionalFromValue OptionalGetValue
            OptionalHasValue OptionalNone
        """,
        # Assertions, which fail or do nothing.
        """
            Assert CheckNumerics CheckNumericsV2 DeviceIndex
        """,
        # Everything else.
        """
            Abs AccumulateNV2 Acos Acosh Add AddN AddV2 AdjustContrast AdjustContrastv2 AdjustHue AdjustSaturation All
            Angle Any ApproxTopK ApproximateEqual ArgMax ArgMin AsString Asin Asinh Atan Atan2 Atanh AudioSpectrogram
            AvgPool AvgPool3D BandedTriangularSolve BatchCholesky BatchFFT BatchFFT2D BatchFFT3D BatchIFFT BatchIFFT2D
            BatchIFFT3D BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchMatrixBandPart BatchMatrixDeterminant
            BatchMatrixDiag BatchMatrixDiagPart BatchMatrixInverse BatchMatrixSetDiag BatchMatrixSolve
            BatchMatrixSolveLs BatchMatrixTriangularSolve BatchNormWithGlobalNormalization BatchSelfAdjointEig
            BatchSelfAdjointEigV2 BatchSvd BatchToSpace BatchToSpaceND BesselI0 BesselI0e BesselI1 BesselI1e BesselJ0
            BesselJ1 BesselK0 BesselK0e BesselK1 BesselK1e BesselY0 BesselY1 Betainc BiasAdd BiasAddV1 Bincount Bitcast
            BitwiseAnd BitwiseOr BitwiseXor BlockLSTM BlockLSTMV2 BroadcastArgs BroadcastGradientArgs BroadcastTo
            Bucketize CSRSparseMatrixComponents CSRSparseMatrixToDense CSRSparseMatrixToSparseTensor
            CTCBeamSearchDecoder CTCGreedyDecoder CTCLoss CTCLossV2 Cast Ceil Cholesky ClipByValue
            CombinedNonMaxSuppression Complex ComplexAbs CompositeTensorVariantFromComponents
            CompositeTensorVariantToComponents Concat ConcatOffset ConcatV2 Conj ConjugateTranspose Const Conv Conv2D
            Conv3D Cos Cosh CropAndResize Cross CudnnRNN CudnnRNNCanonicalToParams CudnnRNNCanonicalToParamsV2
            CudnnRNNParamsSize CudnnRNNParamsToCanonical CudnnRNNParamsToCanonicalV2 CudnnRNNV2 CudnnRNNV3 Cumprod
            Cumsum CumulativeLogsumexp DataFormatDimMap DataFormatVecPermute Dawsn DecodeAndCropJpeg DecodeBase64
            DecodeBmp DecodeCSV DecodeCompressed DecodeGif DecodeImage DecodeJSONExample DecodeJpeg DecodeJxl
            DecodePaddedRaw DecodePng DecodeRaw DecodeWav DecodeWebP DenseBincount DenseCountSparseOutput
            DenseToCSRSparseMatrix DenseToDenseSetOperation DenseToSparseSetOperation DepthToSpace
            DepthwiseConv2dNative Dequantize DeserializeManySparse DeserializeSparse Diag DiagPart Digamma Dilation2D
            Div DivNoNan DrawBoundingBoxes DrawBoundingBoxesV2 DynamicPartition DynamicStitch EditDistance Eig Einsum
            Elu EncodeBase64 EncodeJpeg EncodeJpegVariableQuality EncodePng EncodeWav EnsureShape Equal Erf Erfc Erfinv
            EuclideanNorm Exp ExpandDims Expint Expm1 ExtractGlimpse ExtractGlimpseV2 ExtractImagePatches
            ExtractJpegShape ExtractVolumePatches FFT FFT2D FFT3D FFTND FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
            FakeQuantWithMinMaxVarsPerChannel Fill Fingerprint Floor FloorDiv FloorMod FractionalAvgPool
            FractionalMaxPool FresnelCos FresnelSin FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 FusedPadConv2D
            FusedResizeAndPadConv2D GRUBlockCell Gather GatherNd GatherV2 GenerateBoundingBoxProposals Greater
            GreaterEqual HSVToRGB HistogramFixedWidth IFFT IFFT2D IFFT3D IFFTND IRFFT IRFFT2D IRFFT3D IRFFTND Identity
            IdentityN Igamma Igammac Imag ImageProjectiveTransformV2 ImageProjectiveTransformV3 InTopK InTopKV2
            InplaceAdd InplaceSub InplaceUpdate Inv Invert InvertPermutation IsFinite IsInf IsNan IsotonicRegression
            L2Loss LRN LSTMBlockCell LeakyRelu LeftShift Less LessEqual Lgamma LinSpace ListDiff Log Log1p
            LogMatrixDeterminant LogSoftmax LogicalAnd LogicalNot LogicalOr LowerBound Lu MatMul MatrixBandPart
            MatrixDeterminant MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3
            MatrixExponential MatrixInverse MatrixLogarithm MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixSolve
            MatrixSolveLs MatrixSquareRoot MatrixTriangularSolve Max MaxPool MaxPool3D MaxPoolV2 MaxPoolWithArgmax
            Maximum Mean Mfcc Min Minimum MirrorPad Mod Mul MulNoNan Ndtri Neg NextAfter NonMaxSuppression
            NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5
            NonMaxSuppressionWithOverlaps NotEqual NthElement OneHot OnesLike Pack Pad PadV2 ParallelConcat
            ParallelDynamicStitch ParseExample ParseExampleV2 ParseSequenceExample ParseSequenceExampleV2
            ParseSingleExample ParseSingleSequenceExample ParseTensor Placeholder PlaceholderV2 PlaceholderWithDefault
            Polygamma PopulationCount Pow PreventGradient Prod Qr QuantizeAndDequantize QuantizeAndDequantizeV2
            QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizeDownAndShrinkRange QuantizeV2 QuantizedAdd
            QuantizedAvgPool QuantizedBatchNormWithGlobalNormalization QuantizedBiasAdd QuantizedConcat QuantizedConv2D
            QuantizedConv2DAndRelu QuantizedConv2DAndReluAndRequantize QuantizedConv2DAndRequantize
            QuantizedConv2DPerChannel QuantizedConv2DWithBias QuantizedConv2DWithBiasAndRelu
            QuantizedConv2DWithBiasAndReluAndRequantize QuantizedConv2DWithBiasAndRequantize
            QuantizedConv2DWithBiasSignedSumAndReluAndRequantize QuantizedConv2DWithBiasSumAndRelu
            QuantizedConv2DWithBiasSumAndReluAndRequantize QuantizedDepthwiseConv2D QuantizedDepthwiseConv2DWithBias
            QuantizedDepthwiseConv2DWithBiasAndRelu QuantizedDepthwiseConv2DWithBiasAndReluAndRequantize
            QuantizedInstanceNorm QuantizedMatMul QuantizedMatMulWithBias QuantizedMatMulWithBiasAndDequantize
            QuantizedMatMulWithBiasAndRelu QuantizedMatMulWithBiasAndReluAndRequantize
            QuantizedMatMulWithBiasAndRequantize QuantizedMaxPool QuantizedMul QuantizedRelu QuantizedRelu6
            QuantizedReluX QuantizedReshape QuantizedResizeBilinear RFFT RFFT2D RFFT3D RFFTND RGBToHSV RaggedBincount
            RaggedCountSparseOutput RaggedCross RaggedFillEmptyRows RaggedGather RaggedRange RaggedTensorFromVariant
            RaggedTensorToSparse RaggedTensorToTensor RaggedTensorToVariant Range Rank Real RealDiv Reciprocal
            ReduceJoin RegexFullMatch RegexReplace Relu Relu6 RequantizationRange RequantizationRangePerChannel
            Requantize RequantizePerChannel Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
            Reverse ReverseSequence ReverseV2 RightShift Rint Roll Round Rsqrt ScaleAndTranslate ScatterNd
            ScatterNdNonAliasingAdd SegmentMax SegmentMaxV2 SegmentMean SegmentMin SegmentMinV2 SegmentProd
            SegmentProdV2 SegmentSum SegmentSumV2 Select SelectV2 SelfAdjointEig SelfAdjointEigV2 Selu
            SerializeManySparse SerializeSparse SerializeTensor SetSize Shape ShapeN ShardedFilename Sigmoid Sign Sin
            Sinh Size Slice Softmax SoftmaxCrossEntropyWithLogits Softplus Softsign SpaceToBatch SpaceToBatchND
            SpaceToDepth SparseAdd SparseBincount SparseConcat SparseCountSparseOutput SparseCross SparseCrossHashed
            SparseCrossV2 SparseDenseCwiseAdd SparseDenseCwiseDiv SparseDenseCwiseMul SparseFillEmptyRows SparseMatMul
            SparseMatrixAdd SparseMatrixMatMul SparseMatrixMul SparseMatrixNNZ SparseMatrixOrderingAMD
            SparseMatrixSoftmax SparseMatrixSparseCholesky SparseMatrixSparseMatMul SparseMatrixTranspose
            SparseMatrixZeros SparseReduceMax SparseReduceMaxSparse SparseReduceSum SparseReduceSumSparse SparseReorder
            SparseReshape SparseSegmentMean SparseSegmentMeanWithNumSegments SparseSegmentSqrtN
            SparseSegmentSqrtNWithNumSegments SparseSegmentSum SparseSegmentSumWithNumSegments SparseSlice
            SparseSoftmax SparseSoftmaxCrossEntropyWithLogits SparseSparseMaximum SparseSparseMinimum SparseSplit
            SparseTensorDenseAdd SparseTensorDenseMatMul SparseTensorToCSRSparseMatrix SparseToDense
            SparseToSparseSetOperation Spence Split SplitV Sqrt Square SquaredDifference Squeeze StaticRegexFullMatch
            StaticRegexReplace StridedSlice StringFormat StringJoin StringLength StringLower StringNGrams StringSplit
            StringSplitV2 StringStrip StringToHashBucket StringToHashBucketFast StringToHashBucketStrong StringToNumber
            StringUpper Sub Substr Sum Svd Tan Tanh TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub
            TensorScatterUpdate TensorStridedSliceUpdate Tile ToBool TopK TopKV2 Transpose TridiagonalMatMul
            TridiagonalSolve TruncateDiv TruncateMod UnicodeDecode UnicodeDecodeWithOffsets UnicodeEncode UnicodeScript
            UnicodeTranscode UniformDequantize UniformQuantize UniformQuantizedAdd UniformQuantizedClipByValue
            UniformQuantizedConvolution UniformQuantizedConvolutionHybrid UniformQuantizedDot UniformQuantizedDotHybrid
            UniformRequantize Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2 Unpack UnravelIndex
            UnsortedSegmentJoin UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum UpperBound
            Where WindowOp Xdivy Xlog1py Xlogy ZerosLike Zeta
        """,
    )
    for name in group.split()
)
